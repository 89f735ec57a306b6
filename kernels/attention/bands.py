"""Attention on the CPU in bands of queries, each beside the keys that it sees: nothing of size [T, T] is kept.

A band runs on torch's flash attention; with a soft cap, which that lacks, on matrix
products whose scores the backward pass works out again.

B rows, H query heads, G key-value heads, T positions, K channels of a head;
Q queries of a band, X of a head and of those that share its keys, S keys that a band sees.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

_flash = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu
_flash_back = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward

_BAND = 256
"""Queries of a band at most."""
_SCORES = 1 << 20
"""Scores that a capped band holds at a time, as far as 16 queries allow: 4 MB in fp32."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What all calls of a layer share."""

    causal: bool
    scale: float
    window: int | None
    cap: float | None


@dataclass(frozen=True, slots=True)
class _Band:
    queries: slice
    keys: slice
    hidden_QS: Tensor | None
    """Which keys a query of the band does not see; none where causality says it all."""


def wide(dtype: torch.dtype) -> torch.dtype:
    """What sums are kept in."""
    return torch.promote_types(dtype, torch.float32)


def forward(q: Tensor, k: Tensor, v: Tensor, rule: Rule) -> tuple[Tensor, Tensor]:
    """Output [B, H, T, K] and the logarithm of each softmax's denominator [B, H, T]."""
    if _is_plain(q, rule):
        return _flash(q, k, v, 0.0, rule.causal, scale=rule.scale)
    rows, heads, size, width = q.shape
    o = q.new_empty(rows, size, heads, width).transpose(1, 2)
    lse = q.new_empty(rows, heads, size, dtype=wide(q.dtype))
    look = _look if rule.cap is None else _look_capped
    for band in _bands(q, rule):
        mine = slice(None), slice(None), band.queries
        seen = slice(None), slice(None), band.keys
        o[mine], lse[mine] = look(q[mine], k[seen], v[seen], band.hidden_QS, rule)
    return o, lse


def backward(
    do: Tensor, q: Tensor, k: Tensor, v: Tensor, o: Tensor, lse: Tensor, rule: Rule
) -> tuple[Tensor, Tensor, Tensor]:
    """The gradients of q, k and v."""
    if _is_plain(q, rule):
        return _flash_back(do, q, k, v, o, lse, 0.0, rule.causal, scale=rule.scale)
    dq = torch.empty_like(q)
    dk, dv = (torch.zeros_like(x, dtype=wide(x.dtype)) for x in (k, v))
    look_back = _look_back if rule.cap is None else _look_back_capped
    for band in _bands(q, rule):
        mine = slice(None), slice(None), band.queries
        seen = slice(None), slice(None), band.keys
        dq[mine], dk_BGSK, dv_BGSK = look_back(
            do[mine], q[mine], k[seen], v[seen], o[mine], lse[mine], band.hidden_QS, rule
        )
        dk[seen] += dk_BGSK
        dv[seen] += dv_BGSK
    return dq, dk.to(k.dtype), dv.to(v.dtype)


def _is_plain(q: Tensor, rule: Rule) -> bool:
    return rule.cap is None and (rule.window is None or rule.window >= q.shape[2])


def _bands(q: Tensor, rule: Rule) -> Iterator[_Band]:
    rows, heads, size, _ = q.shape
    step, reach = _BAND, size if rule.window is None else rule.window
    if rule.cap is not None:
        step = max(16, min(step, _SCORES // (rows * heads * min(size, reach + step))))
    for start in range(0, size, step):
        end = min(start + step, size)
        first, last = max(0, start - reach + 1), end if rule.causal else size
        yield _Band(slice(start, end), slice(first, last), _hidden(start, end, first, last, rule, q.device))


def _hidden(start: int, end: int, first: int, last: int, rule: Rule, device: torch.device) -> Tensor | None:
    if not rule.causal:
        return None
    back_QS = torch.arange(start, end, device=device)[:, None] - torch.arange(first, last, device=device)
    hidden_QS = back_QS < 0
    return hidden_QS if rule.window is None else hidden_QS | (back_QS >= rule.window)


# ---- flash attention -------------------------------------------------------------------------


def _look(q: Tensor, k: Tensor, v: Tensor, hidden_QS: Tensor | None, rule: Rule) -> tuple[Tensor, Tensor]:
    return _flash(q, k, v, 0.0, False, attn_mask=_added(hidden_QS, q), scale=rule.scale)


def _look_back(
    do: Tensor,
    q: Tensor,
    k: Tensor,
    v: Tensor,
    o: Tensor,
    lse: Tensor,
    hidden_QS: Tensor | None,
    rule: Rule,
) -> tuple[Tensor, Tensor, Tensor]:
    mask_QS = _added(hidden_QS, q)
    return _flash_back(do, q, k, v, o, lse, 0.0, False, attn_mask=mask_QS, scale=rule.scale)


def _added(hidden_QS: Tensor | None, q: Tensor) -> Tensor | None:
    if hidden_QS is None:
        return None
    return torch.zeros_like(hidden_QS, dtype=q.dtype).masked_fill_(hidden_QS, -torch.inf)


# ---- soft cap --------------------------------------------------------------------------------


def _look_capped(
    q: Tensor, k: Tensor, v: Tensor, hidden_QS: Tensor | None, rule: Rule
) -> tuple[Tensor, Tensor]:
    q_BGXK, k, v = (x.to(wide(x.dtype)) for x in (_shared(q, k), k, v))
    scores_BGXS = _tanh(q_BGXK, k, rule).mul_(_cap(rule))
    _hide(scores_BGXS, hidden_QS, -torch.inf)
    lse_BGX = scores_BGXS.logsumexp(-1)
    o_BGXK = scores_BGXS.sub_(lse_BGX[..., None]).exp_() @ v
    return o_BGXK.view(q.shape), lse_BGX.view(q.shape[:3])


def _look_back_capped(
    do: Tensor,
    q: Tensor,
    k: Tensor,
    v: Tensor,
    o: Tensor,
    lse: Tensor,
    hidden_QS: Tensor | None,
    rule: Rule,
) -> tuple[Tensor, Tensor, Tensor]:
    q_BGXK, do_BGXK, o_BGXK = (_shared(x, k).to(wide(x.dtype)) for x in (q, do, o))
    k, v = k.to(wide(k.dtype)), v.to(wide(v.dtype))
    tanh_BGXS = _tanh(q_BGXK, k, rule)
    p_BGXS = (tanh_BGXS * _cap(rule)).sub_(lse.reshape(tanh_BGXS.shape[:3])[..., None]).exp_()
    _hide(p_BGXS, hidden_QS, 0.0)
    ds_BGXS = do_BGXK @ v.mT
    ds_BGXS.sub_((do_BGXK * o_BGXK).sum(-1, keepdim=True)).mul_(p_BGXS)
    ds_BGXS.addcmul_(ds_BGXS, tanh_BGXS.square_(), value=-1).mul_(rule.scale)
    return (ds_BGXS @ k).view(q.shape), ds_BGXS.mT @ q_BGXK, p_BGXS.mT @ do_BGXK


def _shared(x_BHQK: Tensor, k_BGSK: Tensor) -> Tensor:
    """The queries of the heads that share keys, one after another: [B, G, X, K]."""
    rows, heads, size, width = x_BHQK.shape
    groups = k_BGSK.shape[1]
    return x_BHQK.reshape(rows, groups, heads // groups * size, width)


def _cap(rule: Rule) -> float:
    assert rule.cap is not None
    return rule.cap


def _tanh(q_BGXK: Tensor, k_BGSK: Tensor, rule: Rule) -> Tensor:
    return (q_BGXK @ k_BGSK.mT).mul_(rule.scale / _cap(rule)).tanh_()


def _hide(scores_BGXS: Tensor, hidden_QS: Tensor | None, value: float) -> None:
    if hidden_QS is not None:
        rows, groups, _, keys = scores_BGXS.shape
        scores_BGXS.view(rows, groups, -1, len(hidden_QS), keys).masked_fill_(hidden_QS, value)
