"""Sorted runs: what the shards of a corpus count, brought together a piece at a time.

A shard writes what it found as rows sorted by a key; keys are hashes, spread evenly over 64 bits.
All shards' rows of one stretch of keys are then read together, so that memory is bounded by a
piece and never by the corpus.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.void]
"""Rows with named fields, of which `key` is the first."""

_PIECE = 1 << 17
"""Rows that are read together, about."""


def write(path: Path, rows: Rows) -> None:
    """Keep a shard's rows, sorted by all their fields in turn."""
    np.save(path, ordered(rows), allow_pickle=False)


def ordered(rows: Rows) -> Rows:
    """Rows sorted by their fields: the same as `sort`, which compares rows one by one and takes ten times as long."""
    return rows[np.lexsort([rows[name] for name in reversed(rows.dtype.names or ())])]


def pieces(paths: Sequence[Path], rows: int = _PIECE) -> Iterator[Rows]:
    """All rows of all runs by rising key, sorted; rows of one key are in one piece."""
    found = [_Run(path) for path in paths]
    count = -(-sum(map(len, found)) // rows)
    bounds = [(index << 64) // count for index in range(1, count)]
    begins = [0] * len(found)
    for bound in (*bounds, None):
        ends = [len(run) if bound is None else bisect_left(run, bound) for run in found]
        slices = [run.rows(*place) for run, *place in zip(found, begins, ends, strict=True)]
        piece = np.concatenate(slices) if slices else None
        if piece is not None and len(piece):
            yield ordered(piece)
        begins = ends


class _Run:
    """The keys of a run by their place, and stretches of its rows.

    They are read and not mapped: pages of a mapped file count as the process's own.
    """

    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            np.lib.format.read_magic(file)
            (self._count,), _, self._kind = np.lib.format.read_array_header_1_0(file)
            self._path, self._from = path, file.tell()

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, place: int) -> int:
        return int(self.rows(place, place + 1)["key"][0])

    def rows(self, begin: int, end: int) -> Rows:
        start = self._from + begin * self._kind.itemsize
        return np.fromfile(self._path, self._kind, end - begin, offset=start)


def opened(path: Path) -> Any:
    """An array in a file, of which no more is read than is looked at."""
    return np.load(path, mmap_mode="r", allow_pickle=False)


def groups(keys: NDArray[Any]) -> Iterator[tuple[int, int]]:
    """Where each stretch of equal keys with more than one row begins and ends."""
    ends = np.flatnonzero(np.append(keys[1:] != keys[:-1], True)) + 1 if len(keys) else np.empty(0, np.int64)
    begins = np.append(0, ends[:-1]) if len(ends) else ends
    several = np.flatnonzero(ends - begins > 1)
    yield from zip(begins[several].tolist(), ends[several].tolist(), strict=True)
