"""The door to attention over packed documents: checked once, then whatever serves the device best.

B rows, T positions, H query heads, G key-value heads, K channels of a head.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from .. import choose
from . import reference
from .bands import wide
from .packing import Packing

__all__ = ["Packing", "attention", "attention_and_lse", "decode"]


def attention(
    q_BHTK: Tensor,
    k_BGTK: Tensor,
    v_BGTK: Tensor,
    packing: Packing,
    *,
    scale: float | None = None,
    window: int | None = None,
    cap: float | None = None,
) -> Tensor:
    """Attention within documents, causal if the packing is; equal to `reference.attention`.

    A `window` of 4 shows a position itself and three before it.  `cap` bounds the scaled
    scores, softly; `scale` is 1 / sqrt(K) where none is given.  Raises ValueError where
    what is given does not fit together.
    """
    _check(q_BHTK, k_BGTK, v_BGTK, scale, window, cap)
    _check_packing(q_BHTK, k_BGTK, packing, window)
    if q_BHTK.numel() == 0:
        return q_BHTK.clone()
    window = _bounding(window, q_BHTK)
    match _served_by(q_BHTK, packing, window, cap):
        case "sdpa":
            return _sdpa(q_BHTK, k_BGTK, v_BGTK, packing, scale, window)
        case "reference":
            scores_BHTT = _scores(q_BHTK, k_BGTK, packing, scale, window, cap)
            return scores_BHTT.softmax(-1) @ reference.shared(v_BGTK, q_BHTK)
        case _:
            return _fused(q_BHTK, k_BGTK, v_BGTK, packing, scale, window, cap)[0]


def attention_and_lse(
    q_BHTK: Tensor,
    k_BGTK: Tensor,
    v_BGTK: Tensor,
    packing: Packing,
    *,
    scale: float | None = None,
    window: int | None = None,
    cap: float | None = None,
) -> tuple[Tensor, Tensor]:
    """The same, and beside it log Σ exp(score) of each query in fp32 or wider: [B, H, T]; equal to `reference.lse`.

    With it the parts of a row that were attended to apart can be put together.  No gradient flows through it.
    """
    _check(q_BHTK, k_BGTK, v_BGTK, scale, window, cap)
    _check_packing(q_BHTK, k_BGTK, packing, window)
    if q_BHTK.numel() == 0:
        return q_BHTK.clone(), q_BHTK.new_empty(q_BHTK.shape[:3], dtype=wide(q_BHTK.dtype))
    window = _bounding(window, q_BHTK)
    if q_BHTK.device.type == "cpu" or _served_by(q_BHTK, packing, window, cap) == "triton":
        return _fused(q_BHTK, k_BGTK, v_BGTK, packing, scale, window, cap)
    scores_BHTT = _scores(q_BHTK, k_BGTK, packing, scale, window, cap)  # torch's attention keeps its own
    lse_BHT = scores_BHTT.detach().to(wide(q_BHTK.dtype)).logsumexp(-1)
    return scores_BHTT.softmax(-1) @ reference.shared(v_BGTK, q_BHTK), lse_BHT


def decode(
    q_BH1K: Tensor,
    k_BGTK: Tensor,
    v_BGTK: Tensor,
    *,
    scale: float | None = None,
    window: int | None = None,
    cap: float | None = None,
    bias: Tensor | None = None,
) -> Tensor:
    """One new position per row, the last of the keys, against all that it sees: what generation asks for.

    `bias` [B, 1, 1, T] is added to the scores: -inf hides a key of a row that is shorter than others, and where rows
    differ in length it says a window too.
    """
    _check(q_BH1K, k_BGTK, v_BGTK, scale, window, cap)
    if q_BH1K.shape[2] != 1:
        raise ValueError(f"decoding takes one position at a time, not {q_BH1K.shape[2]}")
    if bias is not None and (window is not None or bias.shape != (q_BH1K.shape[0], 1, 1, k_BGTK.shape[2])):
        raise ValueError(f"a bias of {tuple(bias.shape)} does not fit the keys, or comes beside a window")
    if window is not None:
        k_BGTK, v_BGTK = k_BGTK[:, :, -window:], v_BGTK[:, :, -window:]
    if cap is not None:
        scores_BH1T = reference.scores(q_BH1K, k_BGTK, scale, cap)
        scores_BH1T = scores_BH1T if bias is None else scores_BH1T + bias
        return scores_BH1T.softmax(-1) @ reference.shared(v_BGTK, q_BH1K)
    # The heads that share keys stand where positions do, so that no key is copied for each of them.
    q_BGHK = q_BH1K.view(len(q_BH1K), k_BGTK.shape[1], -1, q_BH1K.shape[3])
    return scaled_dot_product_attention(q_BGHK, k_BGTK, v_BGTK, attn_mask=bias, scale=scale).reshape(
        q_BH1K.shape
    )


def _bounding(window: int | None, q_BHTK: Tensor) -> int | None:
    """The window, if the row is longer."""
    return None if window is not None and window >= q_BHTK.shape[2] else window


def _served_by(q_BHTK: Tensor, packing: Packing, window: int | None, cap: float | None) -> str:
    return choose.attention(
        choose.machine(q_BHTK.device),
        q_BHTK.dtype,
        q_BHTK.shape[3],
        documents=packing.first_BT is not None,
        short=packing.mask is not None,
        window=window,
        cap=cap,
    ).implementation


def _scores(
    q_BHTK: Tensor,
    k_BGTK: Tensor,
    packing: Packing,
    scale: float | None,
    window: int | None,
    cap: float | None,
) -> Tensor:
    """All of them, -inf where nothing is seen: [B, H, T, T]."""
    hidden = ~packing.visible(q_BHTK.shape[2], window, q_BHTK.device)
    return reference.scores(q_BHTK, k_BGTK, scale, cap).masked_fill(hidden, -torch.inf)


def _fused(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    packing: Packing,
    scale: float | None,
    window: int | None,
    cap: float | None,
) -> tuple[Tensor, Tensor]:
    """Output, and the logarithm of each softmax's denominator."""
    from .fused import attention as fused

    if scale is None:
        scale = q.shape[-1] ** -0.5
    return fused(
        q, k, v, packing.first_BT, packing.end_BT, [*packing.groups], packing.causal, scale, window, cap
    )


def _sdpa(
    q: Tensor, k: Tensor, v: Tensor, packing: Packing, scale: float | None, window: int | None
) -> Tensor:
    plain = window is None and packing.first_BT is None
    mask = None if plain else packing.mask
    if mask is None and not plain:
        mask = packing.visible(q.shape[2], window, q.device)
    return scaled_dot_product_attention(
        q,
        k,
        v,
        attn_mask=mask,
        is_causal=plain and packing.causal,
        scale=scale,
        enable_gqa=q.shape[1] != k.shape[1],
    )


def _check(
    q: Tensor, k: Tensor, v: Tensor, scale: float | None, window: int | None, cap: float | None
) -> None:
    shapes = [tuple(x.shape) for x in (q, k, v)]
    if any(x.ndim != 4 for x in (q, k, v)):
        raise ValueError(f"queries, keys and values are [rows, heads, positions, channels], not {shapes}")
    if len({x.dtype for x in (q, k, v)}) > 1 or not q.is_floating_point():
        raise ValueError(f"numbers differ: {[str(x.dtype) for x in (q, k, v)]}")
    if len({x.device for x in (q, k, v)}) > 1:
        raise ValueError(f"devices differ: {[str(x.device) for x in (q, k, v)]}")
    if k.shape[1] == 0 or q.shape[1] % k.shape[1]:
        raise ValueError(f"{q.shape[1]} query heads cannot share {k.shape[1]} key-value heads")
    if k.shape != v.shape or q.shape[0] != k.shape[0] or q.shape[3] != k.shape[3]:
        raise ValueError(f"shapes do not fit: {shapes}")
    if window is not None and window < 1:
        raise ValueError(f"a window of {window} shows nothing: it counts the position itself")
    if cap is not None and not cap > 0:
        raise ValueError(f"a cap of {cap} bounds nothing: it is larger than 0")
    if scale is not None and not scale > 0:
        raise ValueError(f"a scale of {scale} says nothing: it is larger than 0")


def _check_packing(q: Tensor, k: Tensor, packing: Packing, window: int | None) -> None:
    if q.shape[2] != k.shape[2]:
        raise ValueError(f"shapes do not fit: {q.shape[2]} queries and {k.shape[2]} keys in a row")
    if window is not None and not packing.causal:
        raise ValueError("a window looks back, so attention with one is causal")
    if (first_BT := packing.first_BT) is None:
        return
    if first_BT.shape != (q.shape[0], q.shape[2]) or first_BT.device != q.device:
        told = f"{tuple(first_BT.shape)} on {first_BT.device}"
        raise ValueError(f"the packing is of {told}, the queries are {tuple(q.shape)} on {q.device}")
