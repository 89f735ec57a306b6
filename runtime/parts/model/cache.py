"""Keys and values of rows that are being written, each row as long as it is.

Position t of row r lies at t, whatever the others' lengths; the room is taken once.  Rows that are in use come first:
one that is done makes room for the last.

B rows, T positions, G key-value heads, K channels of a head.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from ....compiler.plan.model import Arch


class Kept(Protocol):
    """What one layer keeps of its keys and values."""

    def grow(
        self, k_BGTK: Tensor, v_BGTK: Tensor, window: int | None
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        """All keys and values that the new positions may see, and what is added to their scores [B, 1, 1, T]."""
        ...


class Fresh:
    """A layer's keys and values of rows that begin: all of them are at hand."""

    k_BGTK: Tensor
    v_BGTK: Tensor

    def grow(self, k_BGTK: Tensor, v_BGTK: Tensor, window: int | None) -> tuple[Tensor, Tensor, None]:
        self.k_BGTK, self.v_BGTK = k_BGTK, v_BGTK
        return k_BGTK, v_BGTK, None


class Cache:
    """The keys and values of all layers, of up to `rows` rows of up to `positions` positions."""

    def __init__(self, arch: Arch, rows: int, positions: int, device: torch.device) -> None:
        self._arch, self._rows, self._positions, self._device = arch, rows, positions, device
        self._kept: list[tuple[Tensor, Tensor]] = []
        self.sizes_B = torch.zeros(rows, dtype=torch.int64, device=device)
        self.used = 0
        self.longest = 0
        self._even = True
        self._biases: dict[int | None, Tensor | None] = {}

    def begin(self, fresh: Sequence[Fresh], sizes_B: Tensor, of: Tensor) -> None:
        """Take in rows: `of` says of which of the fresh ones each is a copy, `sizes_B` how long those are."""
        if not self._kept:  # zeros: what a bias hides is multiplied by 0 and has to be finite
            like = fresh[0].k_BGTK  # which autocast may keep in less than the weights
            shape = self._rows, like.shape[1], self._positions, like.shape[3]
            self._kept = [(like.new_zeros(shape), like.new_zeros(shape)) for _ in fresh]
        first, last = self.used, self.used + len(of)
        wide = fresh[0].k_BGTK.shape[2]
        for (k_BGTK, v_BGTK), one in zip(self._kept, fresh, strict=True):
            k_BGTK[first:last, :, :wide] = one.k_BGTK[of]
            v_BGTK[first:last, :, :wide] = one.v_BGTK[of]
        self.sizes_B[first:last] = sizes_B[of]
        self.used = last

    def layers(self) -> list[_Layer]:
        """Every layer's part, for the next position of all rows that are in use."""
        sizes_B = self.sizes_B[: self.used]
        self.longest = int(sizes_B.max()) + 1
        self._even = int(sizes_B.min()) + 1 == self.longest
        self._biases.clear()
        return [_Layer(self, index) for index in range(len(self._kept))]

    def added(self) -> None:
        """The position that all layers have taken in is there."""
        self.sizes_B[: self.used] += 1

    def drop(self, row: int) -> None:
        """The last row takes the place of one that is done."""
        self.used -= 1
        if row == self.used:
            return
        size = int(self.sizes_B[self.used])
        for k_BGTK, v_BGTK in self._kept:
            k_BGTK[row, :, :size] = k_BGTK[self.used, :, :size]
            v_BGTK[row, :, :size] = v_BGTK[self.used, :, :size]
        self.sizes_B[row] = size

    def bias(self, window: int | None) -> Tensor | None:
        """What hides the positions that a row has not, or that its window does not reach; None where all are seen."""
        if window is not None and window >= self.longest:
            window = None
        if window not in self._biases:
            self._biases[window] = self._bias(window)
        return self._biases[window]

    def _bias(self, window: int | None) -> Tensor | None:
        if self._even and window is None:
            return None
        last_B1 = self.sizes_B[: self.used, None]
        at_T = torch.arange(self.longest, device=self._device)
        hidden_BT = at_T > last_B1
        if window is not None:
            hidden_BT |= at_T <= last_B1 - window
        zero_BT = torch.zeros(hidden_BT.shape, dtype=self._kept[0][0].dtype, device=self._device)
        return zero_BT.masked_fill_(hidden_BT, -torch.inf)[:, None, None]

    def put(self, layer: int, k_BGK: Tensor, v_BGK: Tensor) -> tuple[Tensor, Tensor]:
        """Behind each row its new position; gives all that there is of the layer."""
        k_BGTK, v_BGTK = (kept[: self.used] for kept in self._kept[layer])
        if self._even:
            k_BGTK[:, :, self.longest - 1], v_BGTK[:, :, self.longest - 1] = k_BGK, v_BGK
        else:
            rows_B = torch.arange(self.used, device=self._device)
            sizes_B = self.sizes_B[: self.used]
            k_BGTK[rows_B, :, sizes_B], v_BGTK[rows_B, :, sizes_B] = k_BGK, v_BGK
        return k_BGTK[:, :, : self.longest], v_BGTK[:, :, : self.longest]


class _Layer:
    def __init__(self, cache: Cache, index: int) -> None:
        self._cache, self._index = cache, index

    def grow(
        self, k_BGTK: Tensor, v_BGTK: Tensor, window: int | None
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        k_BGTK, v_BGTK = self._cache.put(self._index, k_BGTK[:, :, 0], v_BGTK[:, :, 0])
        return k_BGTK, v_BGTK, self._cache.bias(window)
