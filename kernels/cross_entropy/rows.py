"""Rows of logits to losses and gradients with plain torch operations, a few rows at a time.

A block of rows stays in a core's second-level cache while a dozen operations pass over it, and needs no
compiler: training starts at once.

R rows of a block, C of a chunk, V vocabulary, K targets of a row.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from .chunks import Part

_BLOCK = 1 << 18
"""Numbers of a block: 1 MB in fp32."""


@dataclass(frozen=True, slots=True, eq=False)
class Targets:
    """What each token should be predicted as: K different entries of the vocabulary, and their shares.

    With a `remainder`, what the shares lack of one is the share of all other entries together.
    `weights_N` are factors of the tokens' losses.
    """

    ids_NK: Tensor
    shares_NK: Tensor
    weights_N: Tensor
    remainder: bool = False

    def of(self, part: Part) -> Targets:
        return Targets(self.ids_NK[part], self.shares_NK[part], self.weights_N[part], self.remainder)


@dataclass(frozen=True, slots=True)
class Shape:
    """How logits become log-probabilities -- capped, divided by a temperature -- and what their normaliser costs."""

    cap: float | None = None
    temperature: float = 1.0
    z_loss: float = 0.0


def cross_entropy(z_CV: Tensor, targets: Targets, shape: Shape, wants: bool) -> tuple[Tensor, Tensor]:
    """Weighted cross-entropy of each row; the logits become its gradient where one is wanted."""
    losses_C = z_CV.new_empty(z_CV.shape[0])
    of_block = _with_remainder if targets.remainder else _all_entries
    for rows in blocks(z_CV):
        z_RV, slope_RV = soften(z_CV[rows], shape.cap, shape.temperature, wants)
        losses_C[rows] = of_block(z_RV, targets.of(rows), shape.z_loss)
        harden(z_RV, slope_RV, shape.temperature)
    return losses_C, z_CV


def log_probs(z_CV: Tensor, ids_C: Tensor, cap: float | None) -> Tensor:
    """log softmax(z)[id] of each row."""
    found_C = z_CV.new_empty(z_CV.shape[0])
    for rows in blocks(z_CV):
        z_RV, _ = soften(z_CV[rows], cap, 1.0, False)
        found_C[rows] = z_RV.gather(1, ids_C[rows, None])[:, 0] - z_RV.logsumexp(1)
    return found_C


def blocks(z_CV: Tensor) -> Iterator[slice]:
    step = max(1, _BLOCK // z_CV.shape[1])
    return (slice(start, start + step) for start in range(0, z_CV.shape[0], step))


def soften(z_RV: Tensor, cap: float | None, temperature: float, wants: bool) -> tuple[Tensor, Tensor | None]:
    """In place: cap · tanh(z / cap) / temperature; beside it the cap's slope, where a gradient is wanted."""
    slope_RV = None
    if cap is not None:
        z_RV.div_(cap).tanh_()
        slope_RV = 1 - z_RV.square() if wants else None
        z_RV.mul_(cap)
    if temperature != 1.0:
        z_RV.div_(temperature)
    return z_RV, slope_RV


def harden(gradient_RV: Tensor, slope_RV: Tensor | None, temperature: float) -> None:
    """In place: from the gradient after `soften` to the one before it."""
    if temperature != 1.0:
        gradient_RV.div_(temperature)
    if slope_RV is not None:
        gradient_RV.mul_(slope_RV)


def _all_entries(z_RV: Tensor, targets: Targets, z_loss: float) -> Tensor:
    """Losses; the logits become w · ((1 + 2 · z_loss · log Σ) · softmax - shares)."""
    weights_R1 = targets.weights_N[:, None]
    aimed_R1 = (targets.shares_NK * z_RV.gather(1, targets.ids_NK)).sum(1, keepdim=True)
    top_R1 = z_RV.amax(1, keepdim=True)
    sum_R1 = z_RV.sub_(top_R1).exp_().sum(1, keepdim=True)
    log_sum_R1 = top_R1 + sum_R1.log()
    z_RV.mul_(weights_R1 * (1 + 2 * z_loss * log_sum_R1) / sum_R1)
    z_RV.scatter_add_(1, targets.ids_NK, -weights_R1 * targets.shares_NK)
    return (weights_R1 * (log_sum_R1 - aimed_R1 + z_loss * log_sum_R1.square()))[:, 0]


def _with_remainder(z_RV: Tensor, targets: Targets, _: float) -> Tensor:
    """Losses where all other entries are one class more, whose gradient falls to them by the model's own shares.

    With q the model's probabilities, p the shares, r the remainder: q - p for a target, and
    (q_r - p_r) · softmax of the others for each other.  The others are added up by themselves,
    so a small remainder is no difference of two large numbers.
    """
    weights_R1, ids_RK, shares_RK = targets.weights_N[:, None], targets.ids_NK, targets.shares_NK
    picked_RK = z_RV.gather(1, ids_RK)
    z_RV.scatter_(1, ids_RK, -torch.inf)
    top_R1 = z_RV.amax(1, keepdim=True)
    top_R1 = top_R1.where(top_R1 > -torch.inf, 0.0)
    sum_R1 = z_RV.sub_(top_R1).exp_().sum(1, keepdim=True)
    rest_R1 = top_R1 + sum_R1.log()
    log_sum_R1 = torch.cat([picked_RK, rest_R1], 1).logsumexp(1, keepdim=True)
    share_R1 = (1 - shares_RK.sum(1, keepdim=True)).clamp_(min=0).where(sum_R1 > 0, 0.0)
    log_q_RK, log_q_R1 = picked_RK - log_sum_R1, rest_R1 - log_sum_R1
    z_RV.mul_(weights_R1 * (log_q_R1.exp() - share_R1) / sum_R1.where(sum_R1 > 0, 1.0))
    z_RV.scatter_(1, ids_RK, weights_R1 * (log_q_RK.exp() - shares_RK))
    losses_R1 = (shares_RK * log_q_RK).sum(1, keepdim=True) + (share_R1 * log_q_R1).where(share_R1 > 0, 0.0)
    return -(weights_R1 * losses_R1)[:, 0]
