"""Every token of a text that parses, comments and line ends included.

The parser throws those away; here nothing is lost but blanks.  The patterns are
those of the grammar, which `front.tables` builds.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from ...front.tables import pattern

ARROWS = ("->", "~>")
OPENERS, CLOSERS = ("(", "["), (")", "]")
_SIGNS = r"->|~>|\.\.|==|!=|<=|>=|[{}()\[\],:;.=<>+\-*/]"


@dataclass(frozen=True, slots=True)
class Token:
    """`kind` is name, number, text, comment, newline, or a sign as it is written."""

    kind: str
    text: str


@cache
def _scanner() -> re.Pattern[str]:
    parts = {
        "blank": r"[ \t\f]+|\r(?=\n)",
        "newline": r"[\r\n]",
        "comment": r"#[^\r\n]*",
        "number": pattern("NUMERAL"),
        "name": pattern("NAME"),
        "text": pattern("STRING"),
        "sign": _SIGNS,
    }
    return re.compile("|".join(f"(?P<{kind}>{one})" for kind, one in parts.items()))


def tokens(text: str) -> Iterator[Token]:
    """The tokens in order; a number and its noun are one, with one space between them."""
    for match in _scanner().finditer(text):
        kind, found = match.lastgroup or "", match[0]
        if kind == "number":
            yield Token(kind, re.sub(r"[ \t]+", " ", found))
        elif kind == "comment":
            yield Token(kind, found.rstrip())
        elif kind == "sign":
            yield Token(found, found)
        elif kind != "blank":
            yield Token(kind, found)
