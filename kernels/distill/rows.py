"""Two models' rows of logits to a divergence and its gradient, with plain torch operations, a few rows at a time.

Why blocks: see `kernels/cross_entropy/rows.py`.  R rows of a block, C of a chunk, V vocabulary.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from ..cross_entropy.rows import blocks, harden, soften

Kind = Literal["forward", "reverse", "jensen_shannon"]


@dataclass(frozen=True, slots=True)
class Divergence:
    """Which divergence, and how logits become the log-probabilities that it compares."""

    kind: str
    beta: float
    temperature: float
    cap: float | None
    teacher_cap: float | None


def divergence(
    z_CV: Tensor, t_CV: Tensor, weights_C: Tensor, of: Divergence, wants: bool
) -> tuple[Tensor, Tensor]:
    """Weighted divergence of each row; the student's logits become its gradient.  The teacher's are scratch as well."""
    losses_C = z_CV.new_empty(z_CV.shape[0])
    for rows in blocks(z_CV):
        z_RV, slope_RV = soften(z_CV[rows], of.cap, of.temperature, wants)
        t_RV, _ = soften(t_CV[rows], of.teacher_cap, of.temperature, False)
        losses_C[rows] = _BLOCKS[of.kind](z_RV, t_RV, of.beta)
        harden(z_RV, slope_RV, of.temperature)
        z_RV.mul_(weights_C[rows, None])
    return losses_C * weights_C, z_CV


def _forward(z_RV: Tensor, t_RV: Tensor, _: float) -> Tensor:
    """Σ p (log p - log q), whose gradient is q - p."""
    q_RV, p_RV = _normalise(z_RV), _normalise(t_RV)
    losses_R = t_RV.sub_(z_RV).mul_(p_RV).sum(1)
    torch.sub(q_RV, p_RV, out=z_RV)
    return losses_R


def _reverse(z_RV: Tensor, t_RV: Tensor, _: float) -> Tensor:
    """Σ q (log q - log p), whose gradient is q (log q - log p - loss)."""
    q_RV = _normalise(z_RV)
    _normalise(t_RV)
    loss_R1 = torch.mul(z_RV.sub_(t_RV), q_RV, out=t_RV).sum(1, keepdim=True)
    z_RV.sub_(loss_R1).mul_(q_RV)
    return loss_R1[:, 0]


def _jensen_shannon(z_RV: Tensor, t_RV: Tensor, beta: float) -> Tensor:
    """β Σ p (log p - log m) + (1 - β) Σ q (log q - log m), whose gradient is that of the second half with m held still.

    Where p and q have both underflown the logarithm of their mixture is cut, and weighs nothing.
    """
    q_RV, p_RV = _normalise(z_RV), _normalise(t_RV)
    log_m_RV = torch.add(p_RV * beta, q_RV, alpha=1 - beta)
    log_m_RV.clamp_(min=torch.finfo(log_m_RV.dtype).tiny).log_()
    teacher_R = t_RV.sub_(log_m_RV).mul_(p_RV).sum(1)
    student_R1 = torch.mul(z_RV.sub_(log_m_RV), q_RV, out=log_m_RV).sum(1, keepdim=True)
    z_RV.sub_(student_R1).mul_(q_RV).mul_(1 - beta)
    return beta * teacher_R + (1 - beta) * student_R1[:, 0]


_BLOCKS = {"forward": _forward, "reverse": _reverse, "jensen_shannon": _jensen_shannon}


def _normalise(z_RV: Tensor) -> Tensor:
    """In place to log-probabilities; beside them the probabilities.  One exponential for both."""
    p_RV = z_RV.sub_(z_RV.amax(1, keepdim=True)).exp()
    sum_R1 = p_RV.sum(1, keepdim=True)
    z_RV.sub_(sum_R1.log())
    return p_RV.mul_(1 / sum_R1)
