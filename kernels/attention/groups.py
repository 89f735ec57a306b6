"""Attention on the CPU over packed documents: those of like length run together, as rows of their own.

B rows, H query heads, G key-value heads, T positions, K channels of a head;
N positions of the whole batch, C documents of a group, L positions of its longest.
"""

from __future__ import annotations

import torch
from torch import Tensor

from . import bands
from .bands import Rule


def forward(q: Tensor, k: Tensor, v: Tensor, groups: list[Tensor], rule: Rule) -> tuple[Tensor, Tensor]:
    """Output [B, H, T, K] and the logarithm of each softmax's denominator [B, H, T]."""
    if not groups:
        return bands.forward(q, k, v, rule)
    if length := _even(groups, q):
        q_, k_, v_ = (_cut(x, length) for x in (q, k, v))
        o, lse = bands.forward(q_, k_, v_, rule)
        return _joined(o, q), _joined(lse, q).contiguous()
    flat = [_flat(x) for x in (q, k, v)]
    o_NHK = _room(flat[0])
    lse_NH = _room(flat[0][..., 0], bands.wide(q.dtype))
    for places_CL in groups:
        q_, k_, v_ = (_gather(x, places_CL) for x in flat)
        o_CHLK, lse_CHL = bands.forward(q_, k_, v_, rule)
        _scatter(o_NHK, places_CL, o_CHLK)
        _scatter(lse_NH, places_CL, lse_CHL)
    return _unflat(o_NHK, q), _unflat(lse_NH, q).contiguous()


def backward(
    do: Tensor, q: Tensor, k: Tensor, v: Tensor, o: Tensor, lse: Tensor, groups: list[Tensor], rule: Rule
) -> tuple[Tensor, Tensor, Tensor]:
    """The gradients of q, k and v."""
    if not groups:
        return bands.backward(do, q, k, v, o, lse, rule)
    if length := _even(groups, q):
        do_, q_, k_, v_, o_, lse_ = (_cut(x, length) for x in (do, q, k, v, o, lse))
        dq, dk, dv = (_joined(x, q) for x in bands.backward(do_, q_, k_, v_, o_, lse_, rule))
        return dq, dk, dv
    flat = [_flat(x) for x in (do, q, k, v, o, lse)]
    gradients = [_room(x) for x in flat[1:4]]
    for places_CL in groups:
        do_, q_, k_, v_, o_, lse_ = (_gather(x, places_CL) for x in flat)
        if _is_filled(places_CL, flat[0]):  # what fills up a short document is nobody's
            do_.transpose(1, 2)[places_CL == len(flat[0])] = 0
        parts = bands.backward(do_, q_, k_, v_, o_, lse_, rule)
        for room, part in zip(gradients, parts, strict=True):
            _scatter(room, places_CL, part)
    dq, dk, dv = (_unflat(x, q) for x in gradients)
    return dq, dk, dv


def _even(groups: list[Tensor], q: Tensor) -> int | None:
    """The length of all documents where it is the same: they are rows as they lie, and nothing moves."""
    is_even = len(groups) == 1 and groups[0].numel() == q.shape[0] * q.shape[2]
    return groups[0].shape[1] if is_even else None


def _cut(x_BHT: Tensor, length: int) -> Tensor:
    """[B, H, T, …] as [C, H, L, …]."""
    return _flat(x_BHT).unflatten(0, (-1, length)).transpose(1, 2)


def _joined(x_CHL: Tensor, like_BHTK: Tensor) -> Tensor:
    """[C, H, L, …] as [B, H, T, …]."""
    return _flat(x_CHL).unflatten(0, (like_BHTK.shape[0], like_BHTK.shape[2])).transpose(1, 2)


def _flat(x_BHT: Tensor) -> Tensor:
    """[B, H, T, …] as [N, H, …]."""
    return x_BHT.transpose(1, 2).flatten(0, 1)


def _unflat(x_NH: Tensor, like_BHTK: Tensor) -> Tensor:
    """Back to [B, H, T, …], without the place for fillers."""
    return x_NH[:-1].unflatten(0, (like_BHTK.shape[0], like_BHTK.shape[2])).transpose(1, 2)


def _room(like_NH: Tensor, dtype: torch.dtype | None = None) -> Tensor:
    """Space for every position, and one more where fillers go."""
    return like_NH.new_empty((like_NH.shape[0] + 1, *like_NH.shape[1:]), dtype=dtype)


def _gather(x_NH: Tensor, places_CL: Tensor) -> Tensor:
    """[C, H, L, …]; a filler reads the last position."""
    at_X = places_CL.flatten()
    if _is_filled(places_CL, x_NH):
        at_X = at_X.clamp(max=len(x_NH) - 1)
    return x_NH.index_select(0, at_X).unflatten(0, places_CL.shape).transpose(1, 2)


def _is_filled(places_CL: Tensor, x_NH: Tensor) -> bool:
    """Whether some document is shorter than the longest: then the last one is."""
    return int(places_CL[-1, -1]) == len(x_NH)


def _scatter(room_NH: Tensor, places_CL: Tensor, part_CHL: Tensor) -> None:
    room_NH.index_copy_(0, places_CL.flatten(), part_CHL.transpose(1, 2).flatten(0, 1))
