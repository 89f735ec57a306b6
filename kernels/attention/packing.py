"""Which positions of a batch see each other: made once per batch, used by every layer.

B rows, T positions.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

_CALL = 8_000
"""Pairs of positions that cost as much as one more call, and ..."""
_MOVE = 100
"""... as moving one position into a group and back: `bench/attention_packing.py` prints the balance."""


@dataclass(frozen=True, eq=False)
class Packing:
    """Documents packed into rows; without bounds, every row is one document.

    `first_BT` and `end_BT` say where each position's document begins and ends (the
    position after its last), in 32 bits.  `groups` holds the documents of like length
    for the CPU: positions [documents, longest] in the flattened batch, a short
    document filled up with the position after the last.  A filler comes after its
    document, so that no causal query sees it.  `mask` is there where rows are so short
    that it is cheaper than to move documents.
    """

    first_BT: Tensor | None = None
    end_BT: Tensor | None = None
    groups: tuple[Tensor, ...] = ()
    causal: bool = True
    mask: Tensor | None = None

    @classmethod
    def of(cls, documents_BT: Tensor, *, causal: bool = True) -> Packing:
        """From the number of each position's document; a document is a stretch of equal numbers."""
        starts_BT = torch.ones_like(documents_BT, dtype=torch.bool)
        starts_BT[:, 1:] = documents_BT[:, 1:] != documents_BT[:, :-1]
        on_cpu = documents_BT.device.type == "cpu"
        if on_cpu and not starts_BT[:, 1:].any():
            return cls(causal=causal)
        first_BT, end_BT = _bounds(starts_BT)
        if not on_cpu:
            return cls(first_BT, end_BT, causal=causal)
        groups = tuple(_groups(starts_BT, causal))
        packing = cls(first_BT, end_BT, groups, causal)
        if _pays(groups, *documents_BT.shape):
            return packing
        return replace(packing, mask=packing.visible(documents_BT.shape[1], None, documents_BT.device))

    def visible(self, size: int, window: int | None, device: torch.device) -> Tensor:
        """Which position (row) may look at which (column), as a mask: [B or 1, 1, T, T]."""
        at_T = torch.arange(size, device=device)
        seen_BTT = torch.ones(1, size, size, dtype=torch.bool, device=device)
        if self.causal:
            seen_BTT = seen_BTT.tril()
        if window is not None:
            seen_BTT = seen_BTT.triu(1 - window)
        if self.first_BT is not None and self.end_BT is not None:
            seen_BTT = seen_BTT & (at_T >= self.first_BT[..., None]) & (at_T < self.end_BT[..., None])
        return seen_BTT[:, None]


def _pays(groups: tuple[Tensor, ...], rows: int, size: int) -> bool:
    """Whether documents in groups cost less than whole rows under a mask."""
    pairs = sum(places_CL.shape[1] * places_CL.numel() + _CALL for places_CL in groups)
    return pairs + _MOVE * rows * size < rows * size**2


def _bounds(starts_BT: Tensor) -> tuple[Tensor, Tensor]:
    size = starts_BT.shape[1]
    at_T = torch.arange(size, device=starts_BT.device, dtype=torch.int32)
    first_BT = torch.where(starts_BT, at_T, 0).cummax(1).values
    ends_BT = torch.ones_like(starts_BT)
    ends_BT[:, :-1] = starts_BT[:, 1:]
    end_BT = torch.where(ends_BT, at_T + 1, size).flip(1).cummin(1).values.flip(1)
    return first_BT.contiguous(), end_BT.to(torch.int32).contiguous()


def _groups(starts_BT: Tensor, causal: bool) -> Iterator[Tensor]:
    """The documents by length, longest first; a group ends where fillers would cost more than a call."""
    starts_N = starts_BT.flatten().nonzero()[:, 0]
    lengths_N = starts_N.diff(append=starts_N.new_tensor([starts_BT.numel()]))
    lengths_N, order_N = lengths_N.sort(descending=True, stable=True)
    starts_N = starts_N[order_N]
    lengths, counts = (x.tolist() for x in lengths_N.unique_consecutive(return_counts=True))
    begin = end = waste = 0
    longest = lengths[0] if lengths else 0
    for length, count in zip(lengths, counts, strict=True):
        waste += count * (longest**2 - length**2)
        if waste > _CALL if causal else length < longest:
            yield _places(starts_N[begin:end], lengths_N[begin:end], starts_BT.numel())
            begin, longest, waste = end, length, 0
        end += count
    if end:
        yield _places(starts_N[begin:end], lengths_N[begin:end], starts_BT.numel())


def _places(starts_N: Tensor, lengths_N: Tensor, filler: int) -> Tensor:
    at_L = torch.arange(int(lengths_N[0]))
    return torch.where(at_L < lengths_N[:, None], starts_N[:, None] + at_L, filler)
