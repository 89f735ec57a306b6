"""The door to the loss of a language model's last layer: unembed, then cross-entropy.

The gradient is worked out chunk by chunk beside the loss, so the logits are never all there, and
whoever asks for no gradient pays for none.  The sums are fp32 or wider for any dtype.

N tokens, D width of the model, V entries of the vocabulary, K targets of a token.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from . import checks, gradients, launch, rows
from .choice import by_kernel
from .chunks import Part, Products, swept
from .rows import Shape, Targets


def cross_entropy(
    hidden_ND: Tensor,
    unembedding_VD: Tensor,
    labels_N: Tensor,
    *,
    cap: float | None = None,
    z_loss: float = 0.0,
    ignore: int = -100,
) -> Tensor:
    """The sum of -log p(label) in fp32 or wider, over the labels that are not `ignore`; equal to the reference.

    The sum, not the mean: the caller divides by the count of the whole batch, so that
    splitting a batch changes nothing.  `cap` is the soft-cap of the logits; `z_loss` weighs the
    square of the normaliser's logarithm, which is part of the sum.  Raises ValueError or TypeError
    where the arguments do not fit.
    """
    checks.last_layer(hidden_ND, unembedding_VD)
    checks.tokens("labels", labels_N, hidden_ND, unembedding_VD.shape[0], ignore)
    checks.positive("cap", cap)
    checks.within("z_loss", z_loss, 0.0, math.inf)
    targets = of_labels(labels_N, ignore, wide(hidden_ND))
    return against(hidden_ND, unembedding_VD, targets, Shape(cap, 1.0, z_loss))


def log_probs(
    hidden_ND: Tensor,
    unembedding_VD: Tensor,
    labels_N: Tensor,
    *,
    cap: float | None = None,
    ignore: int = -100,
) -> Tensor:
    """log p(label) of each token in fp32 or wider, 0 where the label is `ignore`; equal to the reference.

    Keeps no logits; a backward pass makes them anew, chunk by chunk.
    """
    checks.last_layer(hidden_ND, unembedding_VD)
    checks.tokens("labels", labels_N, hidden_ND, unembedding_VD.shape[0], ignore)
    checks.positive("cap", cap)
    return _log_probs(hidden_ND, unembedding_VD, labels_N, cap, ignore)


def of_labels(labels_N: Tensor, ignore: int, wide: torch.dtype) -> Targets:
    """Each label alone, with the weight 1, or 0 where it is `ignore`."""
    kept_N = labels_N != ignore
    ids_NK = labels_N.where(kept_N, 0)[:, None].long()
    return Targets(ids_NK, torch.ones_like(ids_NK, dtype=wide), kept_N.to(wide))


def wide(tensor: Tensor) -> torch.dtype:
    """In which losses are added up."""
    return torch.promote_types(tensor.dtype, torch.float32)


def against(hidden_ND: Tensor, unembedding_VD: Tensor, targets: Targets, shape: Shape) -> Tensor:
    """Cross-entropy against few entries of the vocabulary; `kernels/distill` comes in here."""
    wants = torch.is_grad_enabled()
    total, _, _ = _cross_entropy(
        hidden_ND,
        unembedding_VD,
        targets.ids_NK,
        targets.shares_NK,
        targets.weights_N,
        targets.remainder,
        shape.cap,
        shape.temperature,
        shape.z_loss,
        wants and hidden_ND.requires_grad,
        wants and unembedding_VD.requires_grad,
    )
    return total


@torch.library.custom_op("lehr::cross_entropy", mutates_args=())
def _cross_entropy(
    hidden_ND: Tensor,
    unembedding_VD: Tensor,
    ids_NK: Tensor,
    shares_NK: Tensor,
    weights_N: Tensor,
    remainder: bool,
    cap: float | None,
    temperature: float,
    z_loss: float,
    wants_hidden: bool,
    wants_unembedding: bool,
) -> tuple[Tensor, Tensor, Tensor]:
    targets, shape = Targets(ids_NK, shares_NK, weights_N, remainder), Shape(cap, temperature, z_loss)
    wants = wants_hidden, wants_unembedding

    def of_chunk(z_CV: Tensor, part: Part) -> tuple[Tensor, Tensor]:
        if by_kernel(z_CV):
            return launch.cross_entropy(z_CV, targets.of(part), shape, any(wants), hidden_ND.dtype)
        return rows.cross_entropy(z_CV, targets.of(part), shape, any(wants))

    return swept(hidden_ND, unembedding_VD, weights_N, of_chunk, wants)


@_cross_entropy.register_fake
def _(hidden_ND: Tensor, unembedding_VD: Tensor, *rest: Any) -> tuple[Tensor, Tensor, Tensor]:
    return gradients.unmade(hidden_ND, unembedding_VD, *rest[-2:])


_cross_entropy.register_autograd(gradients.scaled, setup_context=gradients.keep)


@torch.library.custom_op("lehr::log_probs", mutates_args=())
def _log_probs(
    hidden_ND: Tensor, unembedding_VD: Tensor, labels_N: Tensor, cap: float | None, ignore: int
) -> Tensor:
    targets = of_labels(labels_N, ignore, wide(hidden_ND))
    ids_N, kept_N = targets.ids_NK[:, 0], targets.weights_N
    if by_kernel(hidden_ND):
        return launch.log_probs(hidden_ND, unembedding_VD, ids_N, cap).where(kept_N > 0, 0.0)
    found_N = torch.zeros_like(kept_N)
    for part, z_CV in Products(unembedding_VD).logits(hidden_ND, kept_N):
        found_N[part] = rows.log_probs(z_CV, ids_N[part], cap)
    return found_N


@_log_probs.register_fake
def _(hidden_ND: Tensor, *_: Any) -> Tensor:
    return hidden_ND.new_empty(hidden_ND.shape[0], dtype=wide(hidden_ND))


def _keep(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    ctx.save_for_backward(*inputs[:3])
    ctx.cap, ctx.ignore = inputs[3:]


@once_differentiable
def _anew(ctx: Any, grad_N: Tensor) -> tuple[Tensor | None, ...]:
    """The gradient of Σ grad · log p, by the loss whose weights are -grad."""
    hidden_ND, unembedding_VD, labels_N = ctx.saved_tensors
    targets = of_labels(labels_N, ctx.ignore, grad_N.dtype)
    weights_N = -grad_N * targets.weights_N
    wants = ctx.needs_input_grad[:2]
    made = _cross_entropy(
        hidden_ND,
        unembedding_VD,
        targets.ids_NK,
        targets.shares_NK,
        weights_N,
        False,
        ctx.cap,
        1.0,
        0.0,
        *wants,
    )
    return (*(one if wanted else None for one, wanted in zip(made[1:], wants, strict=True)), None, None, None)


_log_probs.register_autograd(_anew, setup_context=_keep)
