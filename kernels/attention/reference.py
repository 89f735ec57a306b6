"""Attention as its definition says it: every score, a softmax, a sum.

B rows, H query heads, G key-value heads, T positions, K channels of a head.
"""

from __future__ import annotations

import torch
from torch import Tensor


def attention(
    q_BHTK: Tensor,
    k_BGTK: Tensor,
    v_BGTK: Tensor,
    documents_BT: Tensor,
    *,
    scale: float | None = None,
    window: int | None = None,
    cap: float | None = None,
    causal: bool = True,
) -> Tensor:
    """softmax(q k^T / sqrt(K)) v, where a position sees itself and what came before it in its document.

    Vaswani et al. 2017, eq. 1, with grouped key-value heads (Ainslie et al. 2023);
    scores capped as in Gemma 2 (2024, section 2): cap tanh(score / cap), before the mask.
    """
    scores_BHTT = scores(q_BHTK, k_BGTK, scale, cap).masked_fill(
        ~visible(documents_BT, window, causal=causal), -torch.inf
    )
    return scores_BHTT.softmax(-1) @ shared(v_BGTK, q_BHTK)


def lse(
    q_BHTK: Tensor,
    k_BGTK: Tensor,
    documents_BT: Tensor,
    *,
    scale: float | None = None,
    window: int | None = None,
    cap: float | None = None,
    causal: bool = True,
) -> Tensor:
    """The logarithm of each softmax's denominator: [B, H, T]."""
    scores_BHTT = scores(q_BHTK, k_BGTK, scale, cap)
    return scores_BHTT.masked_fill(~visible(documents_BT, window, causal=causal), -torch.inf).logsumexp(-1)


def visible(documents_BT: Tensor, window: int | None = None, *, causal: bool = True) -> Tensor:
    """Which position (row) may look at which (column): [B, 1, T, T].

    A document is a stretch of equal numbers; a number that comes back later is another
    document.  A window of 4 shows a position itself and three before it.
    """
    size = documents_BT.shape[1]
    changes_BT = documents_BT.diff(dim=1, prepend=documents_BT[:, :1]) != 0
    stretch_BT = changes_BT.cumsum(1)
    seen_BTT = stretch_BT[:, :, None] == stretch_BT[:, None, :]
    back_TT = torch.ones(size, size, dtype=torch.bool, device=documents_BT.device)
    if causal:
        seen_BTT = seen_BTT & back_TT.tril()
    if window is not None:
        seen_BTT = seen_BTT & back_TT.triu(1 - window)
    return seen_BTT[:, None]


def scores(q_BHTK: Tensor, k_BGTK: Tensor, scale: float | None, cap: float | None) -> Tensor:
    """Every query against every key, scaled, then capped: [B, H, T, T]."""
    scores_BHTT = q_BHTK @ shared(k_BGTK, q_BHTK).transpose(-1, -2)
    scores_BHTT = scores_BHTT * (q_BHTK.shape[-1] ** -0.5 if scale is None else scale)
    return scores_BHTT if cap is None else cap * torch.tanh(scores_BHTT / cap)


def shared(x_BGTK: Tensor, q_BHTK: Tensor) -> Tensor:
    """Each key-value head as often as query heads share it: [B, H, T, K]."""
    return x_BGTK.repeat_interleave(q_BHTK.shape[1] // x_BGTK.shape[1], 1)
