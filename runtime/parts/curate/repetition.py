"""Text that repeats itself: Gopher's rules (Rae et al. 2021, Table A1), and Llama 3's for single lines."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from typing import Any

from .pieces import words_of

_PARAGRAPHS, _LINES = re.compile(r"\n{2,}"), re.compile(r"\n+")
SHORTEST = 5
"""Words of the shortest run whose copies count."""
_RUN = 3
_LINE = 20
"""Words that a line has at least before its own repetitions are looked at."""


def broken(text: str, words: Sequence[str], limits: Any) -> tuple[str, float] | None:
    """The first rule that a document breaks, and its figure."""
    if not text:
        return None
    paragraphs = _PARAGRAPHS.split(text.strip())
    found = _copies(paragraphs, text, "paragraph", limits) or _copies(
        _LINES.split(text), text, "line", limits
    )
    return found or _most_frequent(text, words, limits) or _repeated(text, words, limits)


def _copies(pieces: Sequence[str], text: str, what: str, limits: Any) -> tuple[str, float] | None:
    if len(set(pieces)) == len(pieces):
        return None
    count, characters = copies(pieces)
    share = count / len(pieces)
    if share > limits[f"duplicate_{what}s"]:
        return f"duplicate {what}s", share
    share = characters / len(text)
    return (
        (f"characters in duplicate {what}s", share)
        if share > limits[f"duplicate_{what}_characters"]
        else None
    )


def copies(pieces: Iterable[str]) -> tuple[int, int]:
    """Pieces that an earlier one equals: how many, and of how many characters."""
    seen, count, characters = set[str](), 0, 0
    for piece in pieces:
        if piece in seen:
            count += 1
            characters += len(piece)
        else:
            seen.add(piece)
    return count, characters


# ---- runs of words -----------------------------------------------------------------------------


def _most_frequent(text: str, words: Sequence[str], limits: Any) -> tuple[str, float] | None:
    for size, most in enumerate(limits["top_grams"], 2):
        if len(words) < size:
            return None
        run, times = Counter(runs(words, size)).most_common(1)[0]
        share = (sum(map(len, run)) + size - 1) * times / len(text)
        if share > most:
            return f"most frequent run of {size} words", share
    return None


def runs(words: Sequence[str], size: int) -> Iterable[tuple[str, ...]]:
    return zip(*(words[at:] for at in range(size)), strict=False)


def _repeated(text: str, words: Sequence[str], limits: Any) -> tuple[str, float] | None:
    """Characters in runs of words that were there before.

    A long run that comes again is made of short ones that come again.  So what all the short ones
    cover is the most that any of the rules can find: nearly every document passes by that alone.
    """
    most = limits["repeated_grams"]
    covered = _covered(words, SHORTEST)
    if covered <= min(most) * len(text):
        return None
    for size, allowed in enumerate(most, SHORTEST):
        share = repeated(words, size) / len(text)
        if share > allowed:
            return f"repeated runs of {size} words", share
    return None


def _covered(words: Sequence[str], size: int) -> int:
    """Characters of the words that stand in any run which was there before."""
    every = list(runs(words, size))
    if len(set(every)) == len(every):
        return 0
    seen: set[Hashable] = set()
    total, until = 0, 0
    for at, run in enumerate(every):
        if run in seen:
            for word in words[max(at, until) : at + size]:
                total += len(word)
            until = at + size
        else:
            seen.add(run)
    return total


def repeated(words: Sequence[str], size: int) -> int:
    """Characters in runs that were there before, none counted twice: after one, the next begins behind it."""
    every = list(runs(words, size))
    seen: set[Hashable] = set()
    total = at = 0
    while at < len(every):
        run = every[at]
        if run in seen:
            total += sum(map(len, run))
            at += size
        else:
            seen.add(run)
            at += 1
    return total


# ---- lines (Llama 3) ----------------------------------------------------------------------------


def lines(text: str, limits: Any) -> tuple[str, dict[str, tuple[int, str]], tuple[str, float] | None]:
    """Leave out lines that say one thing over and over, as logs and error messages do."""
    most, kept, count, sample = limits["line_repetition"], list[str](), 0, ""
    for line in text.split("\n"):
        if _repeats_itself(line, most):
            count, sample = count + 1, sample or line
        else:
            kept.append(line)
    if not count:
        return text, {}, None
    left = "\n".join(kept)
    return (
        left,
        {"line that repeats itself": (count, sample)},
        None if left.strip() else ("nothing left", count),
    )


def _repeats_itself(line: str, most: float) -> bool:
    if line.count(" ") < _LINE - 1:
        return False
    words = words_of(line)
    size = sum(map(len, words))
    return len(words) >= _LINE and repeated(words, _RUN) > most * size
