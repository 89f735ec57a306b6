"""Keep what a classifier likes: a share of all documents, or those above a score.

What stays carries its score under the classifier's address, and where the classifier took it for
the class `yes` that address as a tag: categories of a mix are made of these.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np

from .classify import HALF, Scorer, scorer
from .filter import Filtered, Given, Page, Round

TAGS = "tags"
_SCORES, _LEAST = "scores.npy", "least"
_DIGITS = 6


def rounds(given: Given) -> Sequence[Round]:
    """A share of all can only be taken once all are scored."""
    return () if _share(given) is None else (Round(_score, _rank),)


def keep(pages: Iterator[Page], given: Given) -> Filtered:
    judge, scored = given.settings["judge"], _scored(pages, given)
    least = (
        float((given.answers[0] / _LEAST).read_text())
        if given.answers
        else float(Fraction(given.settings["keep"]))
    )
    for page, score in scored:
        if score < least:
            yield page.dropped(f"disliked by {judge}", score)
            continue
        before = page.meta.get(TAGS)
        tags = [*(before if isinstance(before, list) else ()), *([judge] if score >= HALF else ())]
        known: dict[str, Any] = {judge: score, TAGS: tags} if tags else {judge: score}
        yield page.but(**known)


def _scored(pages: Iterator[Page], given: Given) -> Iterator[tuple[Page, float]]:
    if given.answers:
        known = np.load(given.answers[0] / f"{given.shard:06}.npy", allow_pickle=False)
        return zip(pages, known.tolist(), strict=True)
    score = _judge(given)
    return ((page, score(page.text)) for page in pages)


def _share(given: Given) -> Fraction | None:
    keep: Any = given.settings["keep"]
    return Fraction(keep["share"]) if isinstance(keep, dict) else None


def _judge(given: Given) -> Scorer:
    score = scorer(given.inputs[given.settings["judge"]])
    return lambda text: round(score(text), _DIGITS)


def _score(pages: Iterator[Page], given: Given, out: Path) -> None:
    score = _judge(given)
    np.save(out / _SCORES, np.array([score(page.text) for page in pages], np.float64), allow_pickle=False)


def _rank(counts: Sequence[Path], given: Given, out: Path) -> None:
    """The least score that is among the best; of documents with that score all stay."""
    found = [np.load(folder / _SCORES, allow_pickle=False) for folder in counts]
    for shard, scores in enumerate(found):
        np.save(out / f"{shard:06}.npy", scores)
    every = np.concatenate([np.empty(0), *found])
    wanted = ceil((_share(given) or 1) * len(every))
    (out / _LEAST).write_text(
        repr(float(np.partition(every, len(every) - wanted)[len(every) - wanted]) if wanted else 0.0)
    )
