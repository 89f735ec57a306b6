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
from .words import Numbers, numbers, runs, words

Shingles = NDArray[np.uint32]
"""A document's runs of words as sorted numbers, each once."""

_BAND = np.dtype([("key", np.uint64), ("document", np.uint64)])
_DROP = np.dtype([("document", np.uint64), ("kept", np.uint64), ("agreement", np.float32)])
_SEED = 1
_TOGETHER = 1 << 15
"""Shingles that are hashed together: what stays in a core's cache."""
_COMMON = 16
"""Of more documents in one band only some pairs are compared: pairs grow as the square."""
_PAIRS = 1 << 20
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
    found = numbers(words(text))
    return np.unique(_narrow(runs(found, min(length, len(found))))) if len(found) else _NONE


def _narrow(wide: Numbers) -> Shingles:
    mixed = wide * np.uint64(0xFF51AFD7ED558CCD)
    return (mixed >> np.uint64(32)).astype(np.uint32)


_NONE = np.empty(0, np.uint32)


def signatures(found: Sequence[Shingles], count: int) -> NDArray[np.uint32]:
    """`count` hashes of each document: the least that each of as many functions gives of its shingles.

    A document without shingles cannot have one; leave it out.
    """
    draw = np.random.Generator(np.random.PCG64(_SEED))
    factors = draw.integers(0, 1 << 32, count, dtype=np.uint32) | np.uint32(1)
    terms = draw.integers(0, 1 << 32, count, dtype=np.uint32)
    least = np.empty((count, len(found)), np.uint32)
    for first, last in _together(found):
        flat = np.concatenate(found[first:last])
        begins = np.cumsum([0, *map(len, found[first : last - 1])])
        hashed = np.empty_like(flat)
        for function in range(count):
            np.multiply(flat, factors[function], out=hashed)
            np.add(hashed, terms[function], out=hashed)
            np.minimum.reduceat(hashed, begins, out=least[function, first:last])
    return np.ascontiguousarray(least.T)


def _together(found: Sequence[Shingles]) -> Iterator[tuple[int, int]]:
    first, size = 0, 0
    for place, one in enumerate(found):
        if size and size + len(one) > _TOGETHER:
            yield first, place
            first, size = place, 0
        size += len(one)
    if found:
        yield first, len(found)


def bands(signed: NDArray[np.uint32], settings: Minhash) -> Numbers:
    """The number of each band of each signature; equal numbers in another band are another number."""
    shaped = signed.reshape(len(signed), settings.bands, settings.rows).astype(np.uint64)
    total = np.broadcast_to(np.arange(1, settings.bands + 1, dtype=np.uint64), shaped.shape[:2]).copy()
    for row in range(settings.rows):
        total = _mixed(total ^ shaped[:, :, row])
    return total


def _mixed(value: Numbers) -> Numbers:
    """A bijection of 64 bits whose every bit depends on all (the finaliser of MurmurHash3)."""
    value = (value ^ (value >> np.uint64(33))) * np.uint64(0xFF51AFD7ED558CCD)
    value = (value ^ (value >> np.uint64(33))) * np.uint64(0xC4CEB9FE1A85EC53)
    return value ^ (value >> np.uint64(33))


def count(texts: Iterable[str], shard: int, folder: Path, settings: Minhash) -> int:
    """Write a shard's bands and shingles; returns how many documents there were."""
    found = [shingles(text, settings.shingle) for text in texts]
    full = [place for place, one in enumerate(found) if len(one)]
    some = [found[place] for place in full]
    keys = bands(signatures(some, settings.bands * settings.rows), settings)
    rows = np.empty(keys.size, _BAND)
    rows["key"] = keys.ravel()
    rows["document"] = np.repeat(np.array(full, np.uint64) | np.uint64(shard << 32), settings.bands)
    sorted_runs.write(folder / "bands.npy", rows)
    np.save(folder / "starts.npy", np.cumsum([0, *map(len, found)]))
    np.save(folder / "shingles.npy", np.concatenate([_NONE, *found]))
    return len(found)


# ---- merging: all shards --------------------------------------------------------------


def merge(folders: Sequence[Path], settings: Minhash) -> Iterator[tuple[int, int, float]]:
    """Which documents go, each with the one that stays for it and how much they agree, by rising number."""
    pairs = _candidates([folder / "bands.npy" for folder in folders])
    true, agreements = _alike(pairs, _Shelf(folders), settings.threshold)
    for row in _drops(true, agreements):
        yield int(row["document"]), int(row["kept"]), float(row["agreement"])


def _candidates(paths: Sequence[Path]) -> NDArray[np.uint64]:
    """Pairs of documents that share a band, each once, in order."""
    found, waiting = [np.empty((0, 2), np.uint64)], 0
    for piece in sorted_runs.pieces(paths):
        for begin, end in sorted_runs.groups(piece["key"]):
            pairs = np.array(_pairs(piece["document"][begin:end].tolist()), np.uint64)
            found.append(pairs)
            waiting += len(pairs)
            if waiting > _PAIRS:
                found, waiting = [np.unique(np.concatenate(found), axis=0)], 0
    return np.unique(np.concatenate(found), axis=0)


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
        return np.asarray(found[int(starts[place]) : int(starts[place + 1])])


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
