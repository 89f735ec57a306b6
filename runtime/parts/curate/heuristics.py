"""Published rules of thumb: which documents and lines read like text that somebody wrote for readers.

Gopher's (Rae et al. 2021, A1.1), C4's (Raffel et al. 2020, 2.2), FineWeb's (Penedo et al. 2024, 3.6)
and Llama 3's (2024, 3.1.1).  Their numbers are about English: documents of another language
pass unjudged, and are counted.  The first rule that is broken is the one that is told.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from . import c4, divergence, fineweb, gopher, repetition
from .filter import Filtered, Given, Page, Round
from .pieces import words_of

_RANGES = ("words", "mean_word")
Broken = tuple[str, float]
"""The rule, and the document's figure."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The thresholds, by their names in the language; ranges are pairs."""

    of: Mapping[str, Any]

    @classmethod
    def read(cls, settings: Mapping[str, Any]) -> Limits:
        found = {name: _number(value) for name, value in settings.items()}
        for name in _RANGES:
            if not isinstance(found[name], tuple):
                found[name] = (found[name], math.inf)
        return cls(found)

    def __getitem__(self, name: str) -> Any:
        return self.of[name]


def _number(value: Any) -> Any:
    """Fractions come as strings; what is compared with a ratio of two counts is a float."""
    if isinstance(value, list):
        return tuple(map(_number, value))
    try:
        return float(Fraction(value)) if isinstance(value, str) else value
    except ValueError:
        return value


def rounds(given: Given) -> Sequence[Round]:
    """What words the corpus is made of, where a document's are to be held against it."""
    return (Round(_count, divergence.merged),) if _diverges(given.settings) else ()


def _diverges(settings: Mapping[str, Any]) -> bool:
    return "llama3" in settings["rules"] and settings["token_divergence"] is not None


def _count(pages: Iterator[Page], given: Given, out: Path) -> None:
    judged = (page for page in pages if _is_judged(page, given.settings["language"]))
    divergence.counted(judged, out)


def keep(pages: Iterator[Page], given: Given) -> Filtered:
    limits = Limits.read(given.settings)
    rules, language = given.settings["rules"], given.settings["language"]
    whole = divergence.read(given.answers[0]) if given.answers else None
    for page in pages:
        if not _is_judged(page, language):
            yield page.lost("not judged: another language", str(page.meta["language"]))
            yield page
            continue
        yield from _judged(page, rules, limits, whole)


def _is_judged(page: Page, language: str) -> bool:
    """Where nobody looked for the language, a document is taken to be in the one that the rules are for."""
    return page.meta.get("language", language) == language


def _judged(page: Page, rules: Sequence[str], limits: Limits, whole: Any) -> Filtered:
    text = page.text
    for name in rules:
        broken: Broken | None = None
        if name == "gopher":
            words = words_of(text)
            broken = gopher.broken(text, words, limits) or repetition.broken(text, words, limits)
        elif name == "fineweb":
            broken = fineweb.broken(text, words_of(text), limits)
        else:
            lines = c4.lines if name == "c4" else repetition.lines
            text, dropped, broken = lines(text, limits)
            for reason, (count, sample) in dropped.items():
                yield page.lost(f"{name}: {reason}", count, sample)
            if name == "llama3" and not broken and whole is not None:
                broken = divergence.broken(text, whole, limits)
        if broken:
            yield page.dropped(f"{name}: {broken[0]}", broken[1])
            return
    yield page if text == page.text else page.but(text)
