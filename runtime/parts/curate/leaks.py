"""What a model will be measured by, found in what it learns from.

Two tests.  `Runs`: does a text contain a run of words of a question (AFM: of any 4 to 13 words,
unless the corpus is full of that run).  `Sequences`: is the longest common subsequence of a question and a
stretch of the text long, and most of the shorter of the two (Qwen 2).  Both are indices in files that are
written once and read by all; questions are numbers of words from then on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .sorted_runs import opened
from .words import Numbers, numbered, runs, words

SEED = 5
"""Words in a row that a question and a text share before their subsequences are compared."""
_TEMPLATE = 64
"""A run that stands in more questions is part of a form, and starts no comparison."""
_SIEVE = 24
"""Bits of the table that turns most runs away at once: 16 MiB."""
Question = tuple[str, str]
"""The bench that asks it, and its text."""


# ---- runs of words -----------------------------------------------------------------------------


def index_runs(questions: Iterable[Question], lengths: Sequence[int], out: Path) -> int:
    """Write every run of these lengths of the questions; returns how many are too short to have any."""
    names: list[str] = []
    found: dict[int, list[Numbers]] = {length: [] for length in lengths}
    owners: dict[int, list[NDArray[np.uint32]]] = {length: [] for length in lengths}
    short = 0
    for bench, text in questions:
        if bench not in names:
            names.append(bench)
        numbers = numbered(text)
        short += len(numbers) < lengths[0]
        for length in lengths:
            some = runs(numbers, length)
            found[length].append(some)
            owners[length].append(np.full(len(some), names.index(bench), np.uint32))
    for length in lengths:
        every, first = np.unique(_joined(found[length], np.uint64), return_index=True)
        np.save(out / f"runs-{length}.npy", every)
        np.save(out / f"owners-{length}.npy", _joined(owners[length], np.uint32)[first])
    (out / "benches").write_text("\n".join(names))
    return short


class Runs:
    """The runs of the questions, and how often the corpus has each, where that was counted."""

    def __init__(
        self, folder: Path, lengths: Sequence[int], common: int | None = None, counted: Path | None = None
    ) -> None:
        """A run that was counted `common` times and more is common usage."""
        self._lengths, self._common = lengths, common
        self._runs = {length: opened(folder / f"runs-{length}.npy") for length in lengths}
        self._owners = {length: opened(folder / f"owners-{length}.npy") for length in lengths}
        self._counts = {length: opened(counted / f"{length}.npy") for length in lengths} if counted else {}
        self._benches = (folder / "benches").read_text().split("\n")
        size = min(_SIEVE, max(10, 4 + len(self._runs[lengths[0]]).bit_length()))
        self._bits = np.uint64((1 << size) - 1)
        self._sieve = np.zeros(1 << size, np.bool_)
        self._sieve[np.asarray(self._runs[lengths[0]]) & self._bits] = True

    def _hits(self, numbers: Numbers) -> Iterator[tuple[int, NDArray[np.int64], NDArray[np.int64]]]:
        """For each length: where runs of the questions stand, and which they are.

        A run of a question begins with a shorter one, so the longer are looked for where those were found.
        """
        every = runs(numbers, self._lengths[0])
        places = np.flatnonzero(self._sieve[every & self._bits])
        for length in self._lengths:
            places = places[places <= len(numbers) - length]
            if not len(places):
                return
            some = runs(numbers, length)[places]
            known = self._runs[length]
            at = np.minimum(np.searchsorted(known, some), len(known) - 1) if len(known) else places[:0]
            same = np.asarray(known[at]) == some if len(known) else np.zeros(len(places), np.bool_)
            places = places[same]
            yield length, places, at[same]

    def count(self, texts: Iterable[str]) -> dict[int, NDArray[np.uint64]]:
        """How often these texts have each run, by its length."""
        totals = {length: np.zeros(len(self._runs[length]), np.uint64) for length in self._lengths}
        for text in texts:
            for length, _, which in self._hits(numbered(text)):
                np.add.at(totals[length], which, np.uint64(1))
        return totals

    def leak(self, text: str) -> tuple[str, str] | None:
        """A bench, and words of it that the text has and that are not common usage."""
        found = words(text)
        for length, places, which in self._hits(numbered(text)):
            if self._counts and self._common is not None:
                rare = np.asarray(self._counts[length][which]) < self._common
                places, which = places[rare], which[rare]
            if len(places):
                run = b" ".join(found[places[0] : places[0] + length]).decode()
                return self._benches[int(self._owners[length][which[0]])], run
        return None


def _joined(parts: Sequence[NDArray[Any]], kind: type[np.generic]) -> NDArray[Any]:
    return np.concatenate([np.empty(0, kind), *parts])


# ---- longest common subsequences ---------------------------------------------------------------


def index_sequences(questions: Iterable[Question], least: int, out: Path) -> int:
    """Write the questions of at least this many words, each once; returns how many are shorter."""
    names: list[str] = []
    kept: dict[bytes, int] = {}
    texts: list[Numbers] = []
    owners: list[int] = []
    short = 0
    for bench, text in questions:
        if bench not in names:
            names.append(bench)
        numbers = numbered(text)
        short += len(numbers) < least
        if len(numbers) >= least and numbers.tobytes() not in kept:
            kept[numbers.tobytes()] = len(texts)
            texts.append(numbers)
            owners.append(names.index(bench))
    seeds = [np.unique(runs(one, min(SEED, least))) for one in texts]
    flat = _joined(seeds, np.uint64)
    owner = np.repeat(np.arange(len(texts), dtype=np.uint32), [len(one) for one in seeds])
    order = np.argsort(flat, kind="stable")
    flat, owner = flat[order], owner[order]
    _, begins, counts = np.unique(flat, return_index=True, return_counts=True)
    rare = np.repeat(counts <= _TEMPLATE, counts) if len(begins) else np.empty(0, np.bool_)
    for name, rows in {
        "seeds": flat[rare],
        "seed-owners": owner[rare],
        "words": _joined(texts, np.uint64),
        "starts": np.cumsum([0, *map(len, texts)]),
        "owners": np.array(owners, np.uint32),
    }.items():
        np.save(out / f"{name}.npy", rows)
    (out / "benches").write_text("\n".join(names))
    return short


class Sequences:
    """The questions, and which of them a text shares some words in a row with."""

    def __init__(self, folder: Path, least: int, share: float) -> None:
        self._least, self._share, self._seed = least, share, min(SEED, least)
        names = ("seeds", "seed-owners", "words", "starts", "owners")
        self._seeds, self._seed_owners, self._words, self._starts, self._owners = (
            opened(folder / f"{name}.npy") for name in names
        )
        self._benches = (folder / "benches").read_text().split("\n")

    def leak(self, text: str) -> tuple[str, str] | None:
        """A bench, and how much of a question of it a stretch of the text follows."""
        numbers = numbered(text)
        seen: dict[int, int] = {}
        for place, question in self._begun(numbers):
            own = np.asarray(self._words[int(self._starts[question]) : int(self._starts[question + 1])])
            if place < seen.get(question, 0):
                continue  # the stretch around the last place holds most of what stands around this one
            seen[question] = place + len(own) // 2
            stretch = numbers[max(0, place - len(own)) : place + self._seed + len(own)]
            common = subsequence(own.tolist(), stretch.tolist())
            if common >= max(self._least, self._share * min(len(own), len(stretch))):
                bench = self._benches[int(self._owners[question])]
                return bench, f"{common} of {len(own)} words"
        return None

    def _begun(self, numbers: Numbers) -> Iterator[tuple[int, int]]:
        """Where in a text a run of a question stands, and of which."""
        some = runs(numbers, self._seed)
        begins = np.searchsorted(self._seeds, some, "left")
        ends = np.searchsorted(self._seeds, some, "right")
        for place in np.flatnonzero(begins < ends).tolist():
            for row in range(int(begins[place]), int(ends[place])):
                yield place, int(self._seed_owners[row])


def subsequence(one: Sequence[int], other: Sequence[int]) -> int:
    """Length of the longest common subsequence, 64 and more cells at a time (Hyyrö 2004)."""
    places: dict[int, int] = {}
    for place, word in enumerate(one):
        places[word] = places.get(word, 0) | 1 << place
    whole = (1 << len(one)) - 1
    row = whole
    for word in other:
        shared = row & places.get(word, 0)
        row = ((row + shared) | (row - shared)) & whole
    return len(one) - row.bit_count()
