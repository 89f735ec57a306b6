"""Hold documents out of a corpus of one's own, so that no learnt one says nearly the same.

The candidates are the documents whose digests are smallest: the same ones on every
machine, wherever in the files they stand.  Of a small corpus that is every
document; of a large one it is as many as fit, and the others are compared with
them one by one.  A cluster of candidates is held out whole, or learnt whole.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from hashlib import blake2b

from .clusters import RUN, clusters

Documents = Callable[[], Iterable[tuple[int, str]]]
"""Every document with its number, as often as asked."""

ONE_IN = 16
MOST = 2048
"""Documents held out, at most."""
_BYTES = 4 << 20
"""Of all candidates: their runs of words are held in memory, some forty bytes for each of these."""
_LONGEST = 2 << 20
"""Bytes of one candidate, so that a few huge documents do not take all the room."""


class Candidates:
    """Those with the smallest digests of the documents offered, by number."""

    def __init__(self, most: int = 2 * MOST, size: int = _BYTES) -> None:
        self._most, self._size = most, size
        self._heap: list[tuple[int, int, int]] = []
        self._held = 0
        self._limit = 1 << 64

    def offer(self, number: int, text: str) -> None:
        raw = text.encode()
        digest = int.from_bytes(blake2b(raw, digest_size=8).digest(), "big")
        if digest >= self._limit or len(raw) > min(_LONGEST, self._size):
            return
        heapq.heappush(self._heap, (-digest, number, len(raw)))
        self._held += len(raw)
        while len(self._heap) > self._most or self._held > self._size:
            out, _, size = heapq.heappop(self._heap)
            self._held, self._limit = self._held - size, min(self._limit, -out)

    def numbers(self) -> list[int]:
        """By rising digest; copies of one that did not fit are left out with it."""
        return [number for digest, number, _ in sorted(self._heap, reverse=True) if -digest < self._limit]


def held_out(candidates: list[int], documents: Documents, count: int) -> set[int]:
    """Numbers of the documents to hold out: one in sixteen of `count`, where so many stand alone."""
    wanted = min(MOST, -(-count // ONE_IN), count - 1)
    chosen = set(candidates)
    texts = {number: text for number, text in documents() if number in chosen}
    leaders = dict(zip(candidates, clusters([texts[number] for number in candidates]), strict=True))
    spoilt = {leaders[number] for number in _repeated(texts, documents)} if count > len(texts) else set[int]()
    groups: dict[int, list[int]] = {}
    for number in candidates:
        groups.setdefault(leaders[number], []).append(number)
    held: set[int] = set()
    for leader, group in groups.items():
        if leader not in spoilt and len(held) + len(group) <= wanted:
            held.update(group)
    return held


def _repeated(texts: Mapping[int, str], documents: Documents) -> set[int]:
    """The candidates that share half of the shorter one's runs of words with a document that is none."""
    sizes: dict[int, int] = {}
    holders: dict[tuple[str, ...], list[int]] = {}
    for number, text in texts.items():
        runs = _runs(text)
        sizes[number] = len(runs)
        for run in runs:
            holders.setdefault(run, []).append(number)
    found: set[int] = set()
    for number, text in documents():
        if number in texts:
            continue
        runs = _runs(text)
        shared = Counter(holder for run in runs if run in holders for holder in holders[run])
        found.update(one for one, count in shared.items() if 2 * count >= min(len(runs), sizes[one]))
    return found


def _runs(text: str) -> set[tuple[str, ...]]:
    """Every five words in a row, as in `clusters`; as they are: hashing each took most of the time."""
    words = text.lower().split()
    if len(words) < RUN:
        return {tuple(words)}
    return set(zip(*(words[at:] for at in range(RUN)), strict=False))
