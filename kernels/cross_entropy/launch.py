"""How the Triton kernels are called: grids, tiles, and the memory that they fill.

N tokens, C of a chunk, D width, V vocabulary, S stretches of the vocabulary.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from .rows import Shape, Targets

BLOCK, WARPS = 4096, 16
"""Entries of a row that a program holds, eight a thread: with more of them some compiler spills on sm_90."""
TILE = {"TOKENS": 128, "ENTRIES": 128, "WIDTH": 64, "TILES": 16}
"""182 registers of sm_90; with 256 entries the sums alone fill them and 48 bytes spill."""
SMALL = {"TOKENS": 64, "ENTRIES": 64, "WIDTH": 16, "TILES": 16}
"""For fp32, which is multiplied without tensor cores."""


def cross_entropy(
    z_CV: Tensor, targets: Targets, shape: Shape, wants: bool, narrow: torch.dtype
) -> tuple[Tensor, Tensor]:
    """As `rows.cross_entropy`; the gradient has the dtype that the products are to be made in."""
    kernel = _kernels().cross_entropy_rows
    rows, vocab = z_CV.shape
    losses_C = z_CV.new_empty(rows)
    gradient_CV = room(z_CV, wants, narrow)
    count = targets.ids_NK.shape[1]
    kernel[(rows,)](
        z_CV,
        gradient_CV,
        targets.ids_NK.contiguous(),
        targets.shares_NK.contiguous(),
        targets.weights_N.contiguous(),
        losses_C,
        vocab,
        count,
        z_CV.stride(0),
        gradient_CV.stride(0),
        shape.cap or 1.0,
        1 / shape.temperature,
        shape.z_loss,
        K=power_of_two(count),
        BLOCK=min(BLOCK, power_of_two(vocab)),
        CAPPED=shape.cap is not None,
        REMAINDER=targets.remainder,
        WANTS=wants,
        num_warps=WARPS,
    )
    return losses_C, gradient_CV


def log_probs(hidden_ND: Tensor, unembedding_VD: Tensor, ids_N: Tensor, cap: float | None) -> Tensor:
    """log p(id) of each token: log-sums of stretches of the vocabulary, then of the stretches."""
    kernel = _kernels().log_sums
    wide = torch.promote_types(hidden_ND.dtype, torch.float32)
    tile = SMALL if hidden_ND.dtype == wide else TILE
    tokens, vocab = hidden_ND.shape[0], unembedding_VD.shape[0]
    stretches = -(-vocab // (tile["ENTRIES"] * tile["TILES"]))
    tops_SN, totals_SN = (hidden_ND.new_empty((stretches, tokens), dtype=wide) for _ in range(2))
    picked_N = hidden_ND.new_full((tokens,), torch.nan, dtype=wide)
    if tokens:
        kernel[(-(-tokens // tile["TOKENS"]), stretches)](
            hidden_ND,
            unembedding_VD,
            ids_N,
            tops_SN,
            totals_SN,
            picked_N,
            tokens,
            vocab,
            hidden_ND.shape[1],
            *hidden_ND.stride(),
            *unembedding_VD.stride(),
            cap or 1.0,
            **tile,
            CAPPED=cap is not None,
            WIDE=_triton(wide),
            UPCAST=hidden_ND.device.type == "cpu",
            num_warps=8,
            num_stages=3,
        )
    return picked_N - (tops_SN + totals_SN.log()).logsumexp(0)


def room(z_CV: Tensor, wants: bool, narrow: torch.dtype) -> Tensor:
    """For the gradient: the logits' own memory, unless it is narrower, as a GPU's products take it."""
    if not wants or narrow == z_CV.dtype or not z_CV.is_cuda:
        return z_CV
    return torch.empty_like(z_CV, dtype=narrow)


def power_of_two(count: int) -> int:
    return 1 << max(0, count - 1).bit_length()


def _kernels() -> Any:
    """Imported when first needed: whoever trains on a CPU need not have Triton."""
    from . import kernel

    return kernel


def _triton(dtype: torch.dtype) -> Any:
    import triton.language as tl

    return tl.float64 if dtype == torch.float64 else tl.float32
