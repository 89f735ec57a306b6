"""Parameters and FLOPs of an architecture, to the unit.

Every tensor is counted once; a tied embedding is one tensor.  The numbers of the
four reference families are checked in `tests/graph/test_counts.py`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from .blocks.arch import Arch


@dataclass(frozen=True, slots=True)
class Shape:
    """What counts depend on, with defaults filled in."""

    layers: int
    width: int
    heads: int
    kv_heads: int
    head_dim: int
    ffn: int
    vocab: int
    tied: bool = False
    qkv_bias: bool = False
    qk_norm: str = "none"
    norms: str = "pre"
    experts: int = 0
    active: int = 0
    expert_ffn: int = 0
    shared_ffn: int = 0
    every: int = 1

    @property
    def sparse_layers(self) -> int:
        """Layers with experts: every `every`-th, counted from the end of the first group."""
        return self.layers // self.every if self.experts else 0


def kv_heads(arch: Arch) -> int:
    return arch.kv_heads or arch.heads


def head_dim(arch: Arch) -> int:
    return arch.head_dim or arch.width // arch.heads


def shape(arch: Arch) -> Shape:
    """The shape of an `arch` block."""
    experts = arch.experts
    shared = experts.shared_ffn or experts.shared * experts.ffn if experts else 0
    return Shape(
        layers=arch.layers,
        width=arch.width,
        heads=arch.heads,
        kv_heads=kv_heads(arch),
        head_dim=head_dim(arch),
        ffn=arch.ffn,
        vocab=arch.vocab,
        tied=arch.tied,
        qkv_bias=arch.qkv_bias,
        qk_norm=arch.qk_norm,
        norms=arch.norms,
        experts=experts.count if experts else 0,
        active=experts.active if experts else 0,
        expert_ffn=experts.ffn if experts else 0,
        shared_ffn=shared,
        every=experts.every if experts else 1,
    )


# ---- parameters ----------------------------------------------------------------------


def params(of: Shape) -> int:
    """Every tensor counted once."""
    return body_params(of) + _embeddings(of)


def body_params(of: Shape) -> int:
    """Every tensor but the input and output embeddings; with the final norm."""
    return _body(of, of.experts)


def active_params(of: Shape) -> int:
    """What one token meets, embeddings and the router included."""
    return _body(of, of.active) + _embeddings(of)


def _embeddings(of: Shape) -> int:
    return of.vocab * of.width * (1 if of.tied else 2)


def _body(of: Shape, experts: int) -> int:
    dense, sparse = of.layers - of.sparse_layers, of.sparse_layers
    feed_forward = dense * _gated(of.width, of.ffn) + sparse * _sparse(of, experts)
    return of.layers * (_attention(of) + _norms(of)) + feed_forward + of.width


def _attention(of: Shape) -> int:
    queries, keys = of.heads * of.head_dim, of.kv_heads * of.head_dim
    biases = queries + 2 * keys if of.qkv_bias else 0
    norms = {"none": 0, "head": 2 * of.head_dim, "width": queries + keys}[of.qk_norm]
    return of.width * (2 * queries + 2 * keys) + biases + norms


def _norms(of: Shape) -> int:
    return of.width * (4 if of.norms == "pre_post" else 2)


def _gated(width: int, ffn: int) -> int:
    """Gate, up and down."""
    return 3 * width * ffn


def _sparse(of: Shape, experts: int) -> int:
    """Router and experts; a fused shared expert stands behind a gate of one output."""
    router = of.width * of.experts
    shared = _gated(of.width, of.shared_ffn) + of.width if of.shared_ffn else 0
    return router + experts * _gated(of.width, of.expert_ffn) + shared


# ---- FLOPs -----------------------------------------------------------------------------


def forward_flops_per_token(of: Shape, unembeds: bool = True) -> int:
    """Matrix products of one token on its way forward, attention's scores and sums left out.

    Two for each weight that it is multiplied with: neither the embedding, which is looked up, nor
    biases and norms are.
    """
    attention = of.layers * of.width * 2 * (of.heads + of.kv_heads) * of.head_dim
    dense, sparse = of.layers - of.sparse_layers, of.sparse_layers
    feed_forward = dense * _gated(of.width, of.ffn) + sparse * _sparse(of, of.active)
    return 2 * (attention + feed_forward + (of.vocab * of.width if unembeds else 0))


def flops_per_token(of: Shape) -> int:
    """6 · active parameters: forward and backward, the convention that papers print (Kaplan et al. 2020, 2.1)."""
    return 6 * active_params(of)


def attention_flops_per_token(of: Shape, context: int, windows: Sequence[int | str]) -> Fraction:
    """Scores and weighted sums of one token, forward and backward, over the positions that it attends to:
    four for each channel of each head forward, and twice as many backward.

    Causal: of a sequence of n tokens the mean token sees (n + 1) / 2, or fewer through a window.
    """
    alike = Counter(windows[layer % len(windows)] for layer in range(of.layers))
    seen = sum(
        layers * _mean_seen(context, context if window == "full" else int(window))
        for window, layers in alike.items()
    )
    return 12 * of.heads * of.head_dim * Fraction(seen)


def _mean_seen(context: int, window: int) -> Fraction:
    near = min(window, context)
    return Fraction(near * (near + 1), 2 * context) + Fraction(near * (context - near), context)


def id_bytes(vocab: int) -> int:
    """Bytes of the smallest integer type that holds every id: one, two or four."""
    return 1 if vocab <= 1 << 8 else 2 if vocab <= 1 << 16 else 4
