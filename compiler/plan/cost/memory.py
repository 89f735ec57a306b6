"""Memory of one device while a stage trains: what lives at its fullest moment, by what it is for.

Weights, gradients and both moments are fp32 and sharded over every data-parallel,
tensor-parallel and pipeline rank (ZeRO-3).  The fullest moment is the loss, where every layer's
saved tensors, a chunk of the logits and the unembedding's gradient live, or the end of
the backward pass, where all gradients do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Literal

from ...graph.counts import Shape, body_params, params
from .. import model
from .flops import shape

FP32, BF16 = 4, 2
CHUNK = {"cpu": 1 << 21, "cuda": 1 << 29}
"""Logits that a loss makes at once, at most; `kernels/cross_entropy/choice.py` has the same numbers."""
FEWEST = 256
"""Tokens whose logits are made at once, at least."""
CONCURRENT = 32
"""Answers that a replica writes side by side."""


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes on one device."""

    weights: int = 0
    gradients: int = 0
    optimizer: int = 0
    activations: int = 0
    logits: int = 0
    cache: int = 0
    others: int = 0
    """Weights of models that stand still: teacher, reference, judge, a moving average."""

    @property
    def total(self) -> int:
        return sum(getattr(self, one.name) for one in fields(self))

    @property
    def largest(self) -> str:
        return max((one.name for one in fields(self)), key=lambda name: getattr(self, name))


@dataclass(frozen=True, slots=True)
class Setting:
    """How a stage computes: `mixed` is bf16 with fp32 states, `recompute` saves only the inputs of layers,
    `sequences` are those of one pass on one data-parallel rank; the device says which kernels serve."""

    layout: model.Layout
    mixed: bool
    recompute: bool
    sequences: int
    device: Literal["cpu", "cuda"] = "cuda"


def training(
    arch: model.Arch,
    context: int,
    setting: Setting,
    others: Sequence[model.Arch] = (),
    *,
    frozen: bool = False,
    unembeds: bool = True,
    compared: bool = False,
    answers: int = 0,
) -> Memory:
    """A model in training at a context; `answers` are the tokens it writes itself.

    `frozen` weights (LoRA) have neither gradients nor moments; `compared` is the whole distribution with
    another model's.
    """
    of, layout = shape(arch), setting.layout
    numbers = BF16 if setting.mixed else FP32
    shards = layout.dp * layout.tp * layout.pp
    tokens = -(-setting.sequences * context // layout.cp)
    held = -(-params(of) * FP32 // shards)
    layers = _layers(of, tokens, setting, numbers)
    logits = _logits(of.vocab // layout.tp, tokens, setting, compared) if unembeds else 0
    gathered = 2 * numbers * (_layer(of) + (of.vocab * of.width if unembeds else 0)) // layout.tp
    late, head = (0, 0) if frozen else (held, of.vocab * of.width * FP32 // layout.tp if unembeds else 0)
    return Memory(
        weights=held + (gathered if shards > 1 or setting.mixed else 0),
        gradients=max(head, late - layers - logits),
        optimizer=0 if frozen else 2 * held,
        activations=layers,
        logits=logits,
        cache=_cache(arch, answers, layout) if answers else 0,
        others=sum(-(-params(shape(one)) * numbers // shards) for one in others),
    )


def _logits(vocab: int, tokens: int, setting: Setting, compared: bool) -> int:
    """A chunk of them in fp32, of both models where they are compared.

    The gradient takes their place, but that a GPU narrows it for the products that follow.
    """
    chunk = min(tokens, max(FEWEST, CHUNK[setting.device] // vocab))
    narrowed = BF16 if setting.mixed and setting.device == "cuda" else 0
    return chunk * vocab * (FP32 * (1 + compared) + narrowed)


def _layer(of: Shape) -> int:
    return body_params(of) // of.layers


def _layers(of: Shape, tokens: int, setting: Setting, numbers: int) -> int:
    """Tensors that the layers save for their backward pass, and the stream and norm above them."""
    layout = setting.layout
    dense, sparse = (
        tokens * (_saved(of, has_experts) * numbers + 4 * of.heads) // layout.tp
        for has_experts in (False, True)
    )
    top = 3 * tokens * of.width * numbers
    if not setting.recompute:
        return of.sparse_layers * sparse + (of.layers - of.sparse_layers) * dense + top
    largest = max(sparse if of.sparse_layers else 0, dense if of.sparse_layers < of.layers else 0)
    return of.layers * tokens * of.width * numbers // layout.tp + largest + top


def _saved(of: Shape, has_experts: bool) -> int:
    """Numbers that a layer saves of each token: both norms with what they read and make, the rotated
    queries and keys, the values, what attention gives, and the four tensors of a gated feed-forward;
    queries and keys before and after their norms; what experts are given and say at every visit,
    and what the shared one says."""
    queries, keys = of.heads * of.head_dim, of.kv_heads * of.head_dim
    ffn = of.active * of.expert_ffn + of.shared_ffn if has_experts else of.ffn
    normed = 2 * (queries + keys) if of.qk_norm != "none" else 0
    visits = 2 * of.active * of.width + (of.width if of.shared_ffn else 0) if has_experts else 0
    return (
        (10 if of.norms == "pre_post" else 6) * of.width
        + 2 * (queries + keys)
        + 4 * ffn
        + (of.experts if has_experts else 0)
        + normed
        + visits
    )


def _cache(arch: model.Arch, context: int, layout: model.Layout) -> int:
    """Keys and values of the answers that are being written; a window bounds what is kept."""
    reach = [arch.window[layer % len(arch.window)] for layer in range(arch.layers)]
    kept = sum(context if isinstance(one, str) else min(context, one) for one in reach)
    return 2 * arch.kv_heads * arch.head_dim * BF16 * kept * CONCURRENT // (layout.tp * layout.pp * layout.cp)
