"""Near copies: documents whose runs of words mostly agree (Broder 1997; Leskovec et al. 2014, chapter 3).

`count` writes of each shard the hashes of every band and the runs of words themselves; `merge`
brings documents together that share a band, looks at how much they really have in common, and
says which of each cluster go.  Which band a document falls into depends on its words and on the
settings alone.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import sorted_runs
from .words import Numbers, mixed, numbered_each, runs

Shingles = NDArray[np.uint32]
"""A document's runs of words as sorted numbers, each once."""

_BAND = np.dtype([("key", np.uint64), ("document", np.uint64)])
_DROP = np.dtype([("document", np.uint64), ("kept", np.uint64), ("agreement", np.float32)])
_SEED = 1
_TOGETHER = 1 << 15
"""Shingles that are hashed together: what stays in a core's cache."""
_AT_ONCE = 1 << 22
"""Characters of text that are counted together."""
_COMMON = 16
"""Of more documents in one band only some pairs are compared: pairs grow as the square."""
_PAIRS = 1 << 15
"""Pairs that may wait to be looked at."""


@dataclass(frozen=True, slots=True)
class Minhash:
    """What counts as nearly the same."""

    shingle: int
    bands: int
    rows: int

    @property
    def threshold(self) -> float:
        """Where the chance to share a band turns: least agreement of two that are taken for copies."""
        return (1 / self.bands) ** (1 / self.rows)


# ---- counting: a shard by itself -------------------------------------------------------


def shingles(text: str, length: int) -> Shingles:
    """The runs of words of a text; of a shorter text the whole is one."""
    return np.unique(shingles_each([text], length)[0])


def shingles_each(texts: Sequence[str], length: int) -> tuple[Shingles, NDArray[np.int64]]:
    """The runs of words of some texts in a row, copies too, and where in it each text starts, and the end."""
    numbers, starts = numbered_each(texts)
    sizes = np.diff(starts)
    counts = np.where(sizes >= length, sizes - length + 1, np.minimum(sizes, 1))
    places = np.ones(len(numbers), np.bool_)
    for text in np.flatnonzero(sizes >= length).tolist():
        places[starts[text + 1] - length + 1 : starts[text + 1]] = False
    padded = np.concatenate([numbers, np.zeros(length - 1, np.uint64)])
    every = runs(padded, length)
    for text in np.flatnonzero((sizes > 0) & (sizes < length)).tolist():
        first, last = starts[text], starts[text + 1]
        every[first] = runs(numbers[first:last], int(last - first))[0]
        places[first + 1 : last] = False
    return _narrow(every[places]), np.cumsum([0, *counts.tolist()])


def _narrow(wide: Numbers) -> Shingles:
    return (mixed(wide) >> np.uint64(32)).astype(np.uint32)


_NONE = np.empty(0, np.uint32)


def signatures(flat: Shingles, starts: NDArray[np.int64], count: int) -> NDArray[np.uint32]:
    """`count` hashes of each document: the least that each of as many functions gives of its shingles.

    The shingles stand in a row, those of document k at `starts[k] : starts[k + 1]`; none may be without.
    """
    draw = np.random.Generator(np.random.PCG64(_SEED))
    factors = draw.integers(0, 1 << 32, count, dtype=np.uint32) | np.uint32(1)
    terms = draw.integers(0, 1 << 32, count, dtype=np.uint32)
    least = np.empty((count, len(starts) - 1), np.uint32)
    for first, last in _together(starts):
        some = flat[starts[first] : starts[last]]
        begins = starts[first:last] - starts[first]
        hashed = np.empty_like(some)
        for function in range(count):
            np.multiply(some, factors[function], out=hashed)
            np.add(hashed, terms[function], out=hashed)
            np.minimum.reduceat(hashed, begins, out=least[function, first:last])
    return np.ascontiguousarray(least.T)


def _together(starts: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    first = 0
    while first < len(starts) - 1:
        last = max(first + 1, int(np.searchsorted(starts, starts[first] + _TOGETHER, "right")) - 1)
        yield first, last
        first = last


def bands(signed: NDArray[np.uint32], settings: Minhash) -> Numbers:
    """The number of each band of each signature; equal numbers in another band are another number."""
    shaped = signed.reshape(len(signed), settings.bands, settings.rows).astype(np.uint64)
    total = np.broadcast_to(np.arange(1, settings.bands + 1, dtype=np.uint64), shaped.shape[:2]).copy()
    for row in range(settings.rows):
        total = mixed(total ^ shaped[:, :, row])
    return total


def count(texts: Iterable[str], shard: int, folder: Path, settings: Minhash) -> None:
    """Write a shard's bands and shingles."""
    rows, every, sizes, first = [np.empty(0, _BAND)], [_NONE], list[NDArray[np.int64]](), 0
    for some in _groups(texts):
        flat, starts = shingles_each(some, settings.shingle)
        full = np.flatnonzero(np.diff(starts))
        signed = signatures(flat, np.append(starts[full], starts[-1]), settings.bands * settings.rows)
        keys = bands(signed, settings)
        found = np.empty(keys.size, _BAND)
        found["key"] = keys.ravel()
        found["document"] = np.repeat(
            (full + first).astype(np.uint64) | np.uint64(shard << 32), settings.bands
        )
        rows.append(found)
        every.append(flat)
        sizes.append(np.diff(starts))
        first += len(some)
    sorted_runs.write(folder / "bands.npy", np.concatenate(rows))
    np.save(folder / "starts.npy", np.cumsum(np.concatenate([np.zeros(1, np.int64), *sizes])))
    np.save(folder / "shingles.npy", np.concatenate(every))


def _groups(texts: Iterable[str]) -> Iterator[list[str]]:
    """Texts that are counted together."""
    held, size = list[str](), 0
    for text in texts:
        held.append(text)
        size += len(text)
        if size > _AT_ONCE:
            yield held
            held, size = [], 0
    if held:
        yield held


# ---- merging: all shards --------------------------------------------------------------


def merge(folders: Sequence[Path], settings: Minhash) -> Iterator[tuple[int, int, float]]:
    """Which documents go, each with the one that stays for it and how much they agree, by rising number."""
    pairs = _candidates([folder / "bands.npy" for folder in folders])
    true, agreements = _alike(pairs, _Shelf(folders), settings.threshold)
    for row in _drops(true, agreements):
        yield int(row["document"]), int(row["kept"]), float(row["agreement"])


def _candidates(paths: Sequence[Path]) -> NDArray[np.uint64]:
    """Pairs of documents that share a band, each once, in order."""
    found, waiting = np.empty((0, 2), np.uint64), list[tuple[int, int]]()
    for piece in sorted_runs.pieces(paths):
        for begin, end in sorted_runs.groups(piece["key"]):
            waiting += _pairs(piece["document"][begin:end].tolist())
            if len(waiting) > max(_PAIRS, len(found)):
                found, waiting = _each_once(found, waiting), []
    return _each_once(found, waiting)


def _each_once(found: NDArray[np.uint64], more: list[tuple[int, int]]) -> NDArray[np.uint64]:
    return np.unique(np.concatenate([found, np.array(more, np.uint64).reshape(-1, 2)]), axis=0)


def _pairs(documents: list[int]) -> list[tuple[int, int]]:
    if len(documents) <= _COMMON:
        return list(combinations(documents, 2))
    return [*pairwise(documents), *((documents[0], one) for one in documents[2:])]


class _Shelf:
    """The shingles of every document, read where they lie."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = folders
        self._open: dict[int, tuple[Any, Any]] = {}

    def __getitem__(self, document: int) -> Shingles:
        shard, place = document >> 32, document & 0xFFFFFFFF
        if shard not in self._open:
            folder = self._folders[shard]
            names = ("starts.npy", "shingles.npy")
            self._open[shard] = tuple(sorted_runs.opened(folder / name) for name in names)
        starts, found = self._open[shard]
        return np.unique(found[int(starts[place]) : int(starts[place + 1])])


def _alike(
    pairs: NDArray[np.uint64], shelf: _Shelf, threshold: float
) -> tuple[NDArray[np.uint64], NDArray[np.float32]]:
    """The pairs that agree in truth, and by how much."""
    agreements = np.empty(len(pairs), np.float32)
    last, first_shingles = -1, _NONE
    for row, (one, other) in enumerate(pairs.tolist()):
        if one != last:
            last, first_shingles = one, shelf[one]
        agreements[row] = jaccard(first_shingles, shelf[other])
    true = agreements >= threshold
    return pairs[true], agreements[true]


def jaccard(one: Shingles, other: Shingles) -> float:
    """The share of all shingles of two documents that both have."""
    both = len(np.intersect1d(one, other, assume_unique=True))
    return both / (len(one) + len(other) - both)


def _drops(pairs: NDArray[np.uint64], agreements: NDArray[np.float32]) -> NDArray[np.void]:
    """All but the first of each cluster, with the first, and the agreement by which each came to it."""
    documents = np.unique(pairs)
    places = np.searchsorted(documents, pairs)
    leader = array("q", range(len(documents)))
    joined = np.zeros(len(documents), np.float32)
    for (one, other), agreement in zip(places.tolist(), agreements, strict=True):
        joined[one], joined[other] = max(joined[one], agreement), max(joined[other], agreement)
        low, high = sorted((_find(leader, one), _find(leader, other)))
        leader[high] = low
    heads = np.array([_find(leader, place) for place in range(len(documents))], np.int64)
    gone = np.flatnonzero(heads != np.arange(len(documents)))
    drops = np.empty(len(gone), _DROP)
    drops["document"], drops["kept"] = documents[gone], documents[heads[gone]]
    drops["agreement"] = joined[gone]
    return drops


def _find(leader: array[int], place: int) -> int:
    while leader[place] != place:
        leader[place] = leader[leader[place]]
        place = leader[place]
    return place
