"""What counts as a word: letters and digits, also around an apostrophe or a dot, or a mark by itself."""

from __future__ import annotations

import re
from functools import lru_cache

_WORD = re.compile(r"\w+(?:['’.]\w+|,\d+)*|-{2,}|\.{2,}|[^\w\s]")
_SENTENCE = re.compile(r"[.!?…。！？]+[\"'”’)\]]*(?=\s|$)")


@lru_cache(maxsize=1)
def words_of(text: str) -> list[str]:
    """The words of a text; several rules in a row ask for those of one document."""
    return _WORD.findall(text)


def sentences(text: str) -> int:
    """How many sentences a line of text has; what has no end has one."""
    return max(1, len(_SENTENCE.findall(text)))
