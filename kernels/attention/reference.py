"""Attention as its definition says it: every score, a softmax, a sum.

B rows, H query heads, G key-value heads, T positions, K channels of a head.
"""

from __future__ import annotations

import torch
from torch import Tensor


def attention(q_BHTK: Tensor, k_BGTK: Tensor, v_BGTK: Tensor, documents_BT: Tensor) -> Tensor:
    """softmax(q k^T / sqrt(K)) v, where a position sees itself and what came before it in its document.

    Vaswani et al. 2017, eq. 1, with grouped key-value heads (Ainslie et al. 2023).
    """
    groups = q_BHTK.shape[1] // k_BGTK.shape[1]
    k_BHTK, v_BHTK = k_BGTK.repeat_interleave(groups, 1), v_BGTK.repeat_interleave(groups, 1)
    scores_BHTT = q_BHTK @ k_BHTK.transpose(-1, -2) / q_BHTK.shape[-1] ** 0.5
    return scores_BHTT.masked_fill(~visible(documents_BT), -torch.inf).softmax(-1) @ v_BHTK


def visible(documents_BT: Tensor) -> Tensor:
    """Which position (row) may look at which (column): [B, 1, T, T].

    A document is a stretch of equal numbers; a number that comes back later is another document.
    """
    size = documents_BT.shape[1]
    changes_BT = documents_BT.diff(dim=1, prepend=documents_BT[:, :1]) != 0
    stretch_BT = changes_BT.cumsum(1)
    same_BTT = stretch_BT[:, :, None] == stretch_BT[:, None, :]
    causal_TT = torch.ones(size, size, dtype=torch.bool, device=documents_BT.device).tril()
    return (same_BTT & causal_TT)[:, None]
