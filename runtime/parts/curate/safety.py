"""Leave out documents in which too many of the words are on a list of yours.

No list comes along: which words are bad is for people to say, language by language.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from fractions import Fraction
from functools import cache

from ....compiler.plan.files import opened
from .filter import Filtered, Given, Page

_WORD = re.compile(r"\w+(?:['’-]\w+)*")
_MOST_BYTES = 16 << 20


def keep(pages: Iterator[Page], given: Given) -> Filtered:
    most = Fraction(given.settings["most"])
    single, several = _listed(given.settings["words"]["path"], str(given.root))
    for page in pages:
        words = _WORD.findall(page.text.casefold())
        count = sum(word in single for word in words)
        count += sum(len(one.findall(page.text.casefold())) for one in several)
        if words and Fraction(count, len(words)) > most:
            yield page.dropped("words on the list", count / len(words))
        else:
            yield page


@cache
def _listed(path: str, root: str) -> tuple[frozenset[str], tuple[re.Pattern[str], ...]]:
    """The words of a list, and its phrases of more than one."""
    from pathlib import Path

    with opened(path, Path(root)) as stream:
        raw = stream.read(_MOST_BYTES + 1)
    lines = {" ".join(line.split()).casefold() for line in raw.decode("utf-8-sig").splitlines()}
    lines -= {""}
    several = sorted(line for line in lines if not _WORD.fullmatch(line))
    phrases = tuple(re.compile(rf"(?<!\w){re.escape(one)}(?!\w)") for one in several)
    return frozenset(lines) - frozenset(several), phrases
