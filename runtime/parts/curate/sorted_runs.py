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

_PIECE = 1 << 20
"""Rows that are read together, about."""


def write(path: Path, rows: Rows) -> None:
    """Keep a shard's rows, sorted by all their fields in turn."""
    np.save(path, ordered(rows), allow_pickle=False)


def ordered(rows: Rows) -> Rows:
    """Rows sorted by their fields: the same as `sort`, which compares rows one by one and takes ten times as long."""
    return rows[np.lexsort([rows[name] for name in reversed(rows.dtype.names or ())])]


def pieces(paths: Sequence[Path], rows: int = _PIECE) -> Iterator[Rows]:
    """All rows of all runs by rising key, sorted; rows of one key are in one piece."""
    found = [opened(path) for path in paths]
    count = -(-sum(map(len, found)) // rows)
    bounds = [(index << 64) // count for index in range(1, count)]
    begins = [0] * len(found)
    for bound in (*bounds, None):
        ends = [len(run) if bound is None else _place(run["key"], bound) for run in found]
        slices = zip(found, begins, ends, strict=True)
        piece = np.concatenate([run[begin:end] for run, begin, end in slices]) if found else None
        if piece is not None and len(piece):
            yield ordered(piece)
        begins = ends


def opened(path: Path) -> Any:
    """An array in a file, of which no more is read than is looked at."""
    return np.load(path, mmap_mode="r", allow_pickle=False)


def groups(keys: NDArray[Any]) -> Iterator[tuple[int, int]]:
    """Where each stretch of equal keys with more than one row begins and ends."""
    ends = np.flatnonzero(np.append(keys[1:] != keys[:-1], True)) + 1 if len(keys) else np.empty(0, np.int64)
    begins = np.append(0, ends[:-1]) if len(ends) else ends
    several = np.flatnonzero(ends - begins > 1)
    yield from zip(begins[several].tolist(), ends[several].tolist(), strict=True)


def _place(keys: Any, bound: int) -> int:
    """The first row whose key is not below a bound; `searchsorted` would read them all."""
    return bisect_left(keys, bound)
