"""Leave out documents that contain what the model will be measured by.

What is held out is let pass: nothing is learnt from it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np

from .filter import Filtered, Given, Page, Round
from .leaks import Runs, Sequences, index_runs, index_sequences
from .questions import questions


def rounds(given: Given) -> Sequence[Round]:
    """First an index of the questions; then, where some runs are common usage, how often each is said."""
    first = Round(_nothing, _index)
    return (
        (first, Round(_count, _add))
        if given.settings["common"] is not None and not _share(given)
        else (first,)
    )


def keep(pages: Iterator[Page], given: Given) -> Filtered:
    if given.part == "heldout":
        yield from pages
        return
    test = _test(given)
    for page in pages:
        found = test.leak(page.text)
        yield page.dropped(f"asked by {found[0]}", found[1]) if found else page


def _test(given: Given) -> Runs | Sequences:
    index, lengths, share = given.answers[0], _lengths(given), _share(given)
    if share:
        return Sequences(index, lengths[0], share)
    counted = given.answers[1] if len(given.answers) > 1 else None
    return Runs(index, lengths, given.settings["common"], counted)


def _lengths(given: Given) -> range:
    """How many words are compared; what contains a long run contains a short one, so that counts alone need all."""
    grams = given.settings["grams"]
    low, high = grams if isinstance(grams, list) else (grams, grams)
    return (
        range(int(low), int(high) + 1)
        if given.settings["common"] is not None
        else range(int(low), int(low) + 1)
    )


def _share(given: Given) -> float:
    lcs = given.settings["lcs"]
    return float(Fraction(lcs)) if lcs is not None else 0.0


# ---- rounds ------------------------------------------------------------------------------------


def _nothing(pages: Iterator[Page], given: Given, out: Path) -> None:
    """The questions are the same for every shard."""


def _index(counts: Sequence[Path], given: Given, out: Path) -> None:
    asked = questions(given.inputs, given.files, given.root)
    if _share(given):
        index_sequences(asked, _lengths(given)[0], out)
    else:
        index_runs(asked, _lengths(given), out)


def _count(pages: Iterator[Page], given: Given, out: Path) -> None:
    index = Runs(given.answers[0], _lengths(given))
    for length, counts in index.count(page.text for page in pages).items():
        np.save(out / f"{length}.npy", counts)


def _add(counts: Sequence[Path], given: Given, out: Path) -> None:
    for length in _lengths(given):
        total = sum(np.load(folder / f"{length}.npy") for folder in counts)
        np.save(out / f"{length}.npy", total)
