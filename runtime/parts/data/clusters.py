"""Find documents that say nearly the same, so that none of them is held out while another is learnt from.

Two documents belong together when they share half of the shorter one's runs of
five words.  Counting shared runs through an index is exact and takes a second
for the Python library's prose; what must scale further estimates it (MinHash).
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import combinations, pairwise

RUN = 5
_COMMON = 16  # above this many holders of one run, only neighbours are compared: pairs grow as the square


def clusters(texts: Sequence[str]) -> list[int]:
    """For each text the number of its cluster, which is the position of the cluster's first text."""
    runs = [runs_of_words(text) for text in texts]
    leader = list(range(len(texts)))
    for (first, second), shared in sorted(_shared(runs).items()):
        if 2 * shared >= min(len(runs[first]), len(runs[second])):
            one, other = _find(leader, first), _find(leader, second)
            leader[max(one, other)] = min(one, other)
    return [_find(leader, index) for index in range(len(texts))]


def runs_of_words(text: str) -> frozenset[int]:
    """Hashes of every five words in a row; of a shorter text, the hash of the whole."""
    words = text.lower().split()
    count = max(1, len(words) - RUN + 1)
    return frozenset(zlib.crc32(" ".join(words[at : at + RUN]).encode()) for at in range(count))


def _shared(runs: Sequence[frozenset[int]]) -> Counter[tuple[int, int]]:
    """How many runs each pair of texts has in common; pairs without any are left out."""
    holders: dict[int, list[int]] = {}
    for index, found in enumerate(runs):
        for run in found:
            holders.setdefault(run, []).append(index)
    shared: Counter[tuple[int, int]] = Counter()
    for indices in holders.values():
        if len(indices) > 1:
            shared.update(_pairs(indices))
    return shared


def _pairs(indices: list[int]) -> Iterator[tuple[int, int]]:
    if len(indices) <= _COMMON:
        yield from combinations(indices, 2)
        return
    yield from pairwise(indices)
    yield from ((indices[0], index) for index in indices[2:])


def _find(leader: list[int], index: int) -> int:
    while leader[index] != index:
        leader[index] = leader[leader[index]]
        index = leader[index]
    return index
