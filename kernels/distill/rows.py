"""Two models' rows of logits to a divergence and its gradient, with plain torch operations, a few rows at a time.

Why blocks: see `kernels/cross_entropy/rows.py`.  Each function of a block is given both models' softened logits
less their maxima, and leaves the gradient, times a factor of the row, where the student's were.  It normalises
nothing: a probability is an exponential over its row's sum, and the sums go into factors of rows.

R rows of a block, C of a chunk, V vocabulary.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from ..cross_entropy.rows import blocks, lower, squash

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
    of_block, rooms = _BLOCKS[of.kind]
    capped = int(wants and of.cap is not None)
    for rows, scratch in blocks(z_CV, rooms + capped, beside=1):
        z_RV, t_RV, slope_RV = z_CV[rows], t_CV[rows], scratch.pop() if capped else None
        lower(z_RV, squash(z_RV, of.cap, slope_RV) / of.temperature)
        lower(t_RV, squash(t_RV, of.teacher_cap) / of.temperature)
        losses_C[rows] = of_block(z_RV, t_RV, weights_C[rows, None] / of.temperature, of.beta, *scratch)
        if slope_RV is not None:
            z_RV.mul_(slope_RV)
    return losses_C * weights_C, z_CV


def _forward(z_RV: Tensor, t_RV: Tensor, factor_R1: Tensor, _: float, q_RV: Tensor) -> Tensor:
    """Σ p (log p - log q), whose gradient is q - p."""
    student_R1 = torch.exp(z_RV, out=q_RV).sum(1, keepdim=True)
    torch.sub(t_RV, z_RV, out=z_RV)
    teacher_R1 = t_RV.exp_().sum(1, keepdim=True)
    apart_R1 = z_RV.mul_(t_RV).sum(1, keepdim=True)
    torch.mul(q_RV, factor_R1 / student_R1, out=z_RV).addcmul_(t_RV, -factor_R1 / teacher_R1)
    return (apart_R1 / teacher_R1 + (student_R1 / teacher_R1).log_())[:, 0]


def _reverse(z_RV: Tensor, t_RV: Tensor, factor_R1: Tensor, _: float, q_RV: Tensor) -> Tensor:
    """Σ q (log q - log p), whose gradient is q (log q - log p - loss)."""
    student_R1 = torch.exp(z_RV, out=q_RV).sum(1, keepdim=True)
    z_RV.sub_(t_RV)
    teacher_R1 = t_RV.exp_().sum(1, keepdim=True)
    apart_R1 = torch.mul(z_RV, q_RV, out=t_RV).sum(1, keepdim=True).div_(student_R1)
    z_RV.sub_(apart_R1).mul_(q_RV).mul_(factor_R1 / student_R1)
    return (apart_R1 + (teacher_R1 / student_R1).log_())[:, 0]


def _jensen_shannon(
    z_RV: Tensor, t_RV: Tensor, factor_R1: Tensor, beta: float, q_RV: Tensor, p_RV: Tensor, m_RV: Tensor
) -> Tensor:
    """β Σ p (log p - log m) + (1 - β) Σ q (log q - log m), whose gradient is that of the second half with m held still.

    Where p and q have both underflown the logarithm of their mixture is cut, and weighs nothing.
    """
    student_R1 = torch.exp(z_RV, out=q_RV).sum(1, keepdim=True)
    teacher_R1 = torch.exp(t_RV, out=p_RV).sum(1, keepdim=True)
    torch.mul(p_RV, beta / teacher_R1, out=m_RV).addcmul_(q_RV, (1 - beta) / student_R1)
    m_RV.clamp_(min=torch.finfo(m_RV.dtype).tiny).log_()
    of_teacher_R1 = t_RV.sub_(m_RV).mul_(p_RV).sum(1, keepdim=True).div_(teacher_R1)
    of_student_R1 = torch.mul(z_RV.sub_(m_RV), q_RV, out=m_RV).sum(1, keepdim=True).div_(student_R1)
    z_RV.sub_(of_student_R1).mul_(q_RV).mul_((1 - beta) * factor_R1 / student_R1)
    losses_R1 = beta * (of_teacher_R1 - teacher_R1.log()) + (1 - beta) * (of_student_R1 - student_R1.log())
    return losses_R1[:, 0]


_BLOCKS = {"forward": (_forward, 1), "reverse": (_reverse, 1), "jensen_shannon": (_jensen_shannon, 3)}
"""And how many blocks of scratch each needs."""
