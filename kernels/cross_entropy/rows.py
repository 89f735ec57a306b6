"""Rows of logits to losses and gradients with plain torch operations, a few rows at a time.

A block of rows stays in a core's second-level cache while a dozen operations pass over it, and needs no
compiler: training starts at once.  No operation allocates a block: fresh memory costs more than the operation.

R rows of a block, C of a chunk, V vocabulary, K targets of a row.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from .chunks import Part

_BLOCK = {"cpu": 3 << 17, "cuda": 1 << 26}
"""Numbers that a block and its scratch hold together, at most: 1.5 MB in fp32, and without Triton 256 MB of a GPU."""


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
    for rows, slopes in blocks(z_CV, int(wants and shape.cap is not None)):
        losses_C[rows] = of_block(z_CV[rows], targets.of(rows), shape, *slopes)
    return losses_C, z_CV


def log_probs(z_CV: Tensor, ids_C: Tensor, cap: float | None) -> Tensor:
    """log softmax(z)[id] of each row; the logits are scratch."""
    found_C = z_CV.new_empty(z_CV.shape[0])
    for rows, _ in blocks(z_CV):
        z_RV = z_CV[rows]
        lower(z_RV, squash(z_RV, cap))
        picked_R = z_RV.gather(1, ids_C[rows, None])[:, 0]
        found_C[rows] = picked_R - z_RV.exp_().sum(1).log_()
    return found_C


def blocks(z_CV: Tensor, rooms: int = 0, beside: int = 0) -> Iterator[tuple[slice, list[Tensor]]]:
    """A few rows at a time, and as many tensors of their shape to write to; `beside` counts others in use."""
    count, vocab = z_CV.shape
    most = _BLOCK.get(z_CV.device.type, _BLOCK["cuda"])
    step = min(count, max(1, most // (vocab * (1 + rooms + beside))))
    scratch = z_CV.new_empty((rooms, step, vocab))
    for start in range(0, count, max(1, step)):
        rows = slice(start, min(start + step, count))
        yield rows, list(scratch[:, : rows.stop - start])


def squash(z_RV: Tensor, cap: float | None, slope_RV: Tensor | None = None) -> float:
    """In place to tanh(z / cap), whose slope goes beside; returns what to multiply with to have capped logits."""
    if cap is None:
        return 1.0
    z_RV.div_(cap).tanh_()
    if slope_RV is not None:
        torch.addcmul(z_RV.new_ones(()), z_RV, z_RV, value=-1, out=slope_RV)
    return cap


def lower(z_RV: Tensor, scale: float) -> Tensor:
    """In place to scale · z less its maximum, which is returned [R, 1]; finite, even where all are -inf."""
    top_R1 = z_RV.amax(1, keepdim=True).mul_(scale).clamp_(min=torch.finfo(z_RV.dtype).min)
    torch.add(top_R1.neg(), z_RV, alpha=scale, out=z_RV)
    return top_R1


def _all_entries(z_RV: Tensor, targets: Targets, shape: Shape, slope_RV: Tensor | None = None) -> Tensor:
    """Losses; the logits become w · ((1 + 2 · z_loss · log Σ) · softmax - shares), times the slope."""
    weights_R1 = targets.weights_N[:, None]
    top_R1 = lower(z_RV, squash(z_RV, shape.cap, slope_RV) / shape.temperature)
    aimed_R1 = (targets.shares_NK * z_RV.gather(1, targets.ids_NK)).sum(1, keepdim=True)
    sum_R1 = z_RV.exp_().sum(1, keepdim=True)
    log_sum_R1 = sum_R1.log()
    losses_R1, factor_R1 = log_sum_R1 - aimed_R1, weights_R1 / shape.temperature
    by_entry_R1 = factor_R1 / sum_R1
    if shape.z_loss:
        log_z_R1 = top_R1 + log_sum_R1
        losses_R1 += shape.z_loss * log_z_R1.square()
        by_entry_R1 *= 1 + 2 * shape.z_loss * log_z_R1
    z_RV.mul_(by_entry_R1).scatter_add_(1, targets.ids_NK, -factor_R1 * targets.shares_NK)
    if slope_RV is not None:
        z_RV.mul_(slope_RV)
    return (weights_R1 * losses_R1)[:, 0]


def _with_remainder(z_RV: Tensor, targets: Targets, shape: Shape, slope_RV: Tensor | None = None) -> Tensor:
    """Losses where all other entries are one class more, whose gradient falls to them by the model's own shares.

    With q the model's probabilities, p the shares, r the remainder: q - p for a target, and
    (q_r - p_r) · softmax of the others for each other.  The others are added up by themselves,
    so a small remainder is no difference of two large numbers.
    """
    weights_R1, ids_RK, shares_RK = targets.weights_N[:, None], targets.ids_NK, targets.shares_NK
    scale = squash(z_RV, shape.cap, slope_RV) / shape.temperature
    picked_RK = z_RV.gather(1, ids_RK) * scale
    z_RV.scatter_(1, ids_RK, -torch.inf)
    top_R1 = lower(z_RV, scale)
    sum_R1 = z_RV.exp_().sum(1, keepdim=True)
    rest_R1 = top_R1 + sum_R1.log()
    log_sum_R1 = torch.cat([picked_RK, rest_R1], 1).logsumexp(1, keepdim=True)
    share_R1 = (1 - shares_RK.sum(1, keepdim=True)).clamp_(min=0).where(sum_R1 > 0, 0.0)
    log_q_RK, log_q_R1 = picked_RK - log_sum_R1, rest_R1 - log_sum_R1
    factor_R1 = weights_R1 / shape.temperature
    z_RV.mul_(factor_R1 * (log_q_R1.exp() - share_R1) / sum_R1.where(sum_R1 > 0, 1.0))
    z_RV.scatter_(1, ids_RK, factor_R1 * (log_q_RK.exp() - shares_RK))
    if slope_RV is not None:
        z_RV.mul_(slope_RV)
    losses_R1 = (shares_RK * log_q_RK).sum(1, keepdim=True) + (share_R1 * log_q_R1).where(share_R1 > 0, 0.0)
    return -(weights_R1 * losses_R1)[:, 0]
