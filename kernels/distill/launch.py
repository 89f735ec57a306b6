"""How the Triton kernel is called.  C tokens of a chunk, V vocabulary."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ..cross_entropy.launch import power_of_two, room
from .rows import Divergence

BLOCK, WARPS = 4096, 16
"""Entries of both rows that a program holds, eight of each a thread."""


def divergence(
    z_CV: Tensor, t_CV: Tensor, weights_C: Tensor, of: Divergence, wants: bool, narrow: torch.dtype
) -> tuple[Tensor, Tensor]:
    """As `rows.divergence`; the gradient has the dtype that the products are to be made in."""
    kernel = _kernel()
    rows, vocab = z_CV.shape
    losses_C, gradient_CV = z_CV.new_empty(rows), room(z_CV, wants, narrow)
    kernel[(rows,)](
        z_CV,
        t_CV,
        gradient_CV,
        weights_C.contiguous(),
        losses_C,
        vocab,
        z_CV.stride(0),
        t_CV.stride(0),
        gradient_CV.stride(0),
        of.cap or 1.0,
        of.teacher_cap or 1.0,
        1 / of.temperature,
        of.beta,
        BLOCK=min(BLOCK, power_of_two(vocab)),
        CAPPED=of.cap is not None,
        TEACHER_CAPPED=of.teacher_cap is not None,
        KIND=of.kind,
        TINY=torch.finfo(z_CV.dtype).tiny,
        WANTS=wants,
        num_warps=WARPS,
    )
    return losses_C, gradient_CV


def _kernel() -> Any:
    from .kernel import divergence_rows

    return divergence_rows
