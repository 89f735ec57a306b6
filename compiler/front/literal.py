"""Numerals and strings: what the two literal tokens say.

Called by `build`.  A numeral becomes an exact fraction with its suffix and noun
as written; a string becomes its pieces, escapes resolved, with the expressions
between `${` and `}` read by the same parser at their own offsets.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from fractions import Fraction

from ..diagnostics.diagnostic import Diagnostic
from ..text import Span
from .ast import Expr, Hole, Number, Text
from .letters import letter

_NUMERAL = re.compile(r"([0-9_]+)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]+))?([A-Za-z%]*)(?:[ \t]+([a-z]+))?")
_PIECE = re.compile(r"[^\\$]+|\\u\{([0-9A-Fa-f]*)\}|\\(.)|\$\{([^}]*)(\}?)|\$")
_ESCAPES = {"\\": "\\", '"': '"', "n": "\n", "t": "\t", "$": "$"}
_MOST_DIGITS = 60
_LARGEST_EXPONENT = 99

Embedded = Callable[[Span], Expr | None]
"""Reads the expression of an interpolation; None where it cannot."""


def number(span: Span, found: list[Diagnostic]) -> Number | Hole:
    """A numeral.  Its size is bounded, so that exact arithmetic stays quick."""
    match = _NUMERAL.fullmatch(span.text)
    if match is None:
        return Hole(span)
    whole, part = match[1].replace("_", ""), match[2] or ""
    exponent = match[3] or "0"
    if len(whole + part) > _MOST_DIGITS or len(exponent) > 9 or abs(int(exponent)) > _LARGEST_EXPONENT:
        found.append(letter("SYN122", span))
        return Hole(span)
    value = Fraction(int(whole + part)) * Fraction(10) ** (int(exponent) - len(part))
    return Number(span, value, match[4], match[5] or "")


def text(span: Span, embedded: Embedded, found: list[Diagnostic]) -> Text:
    """A string between its quotes."""
    parts: list[str | Expr] = []
    for part in _parts(span, embedded, found):
        if isinstance(part, str) and parts and isinstance(parts[-1], str):
            parts[-1] += part
        else:
            parts.append(part)
    return Text(span, tuple(parts))


def _parts(span: Span, embedded: Embedded, found: list[Diagnostic]) -> Iterator[str | Expr]:
    for match in _PIECE.finditer(span.source.text, span.start + 1, span.end - 1):
        here = Span(span.source, match.start(), match.end())
        if match[3] is not None:
            inside = Span(span.source, match.start(3), match.end(3))
            value = embedded(inside) if match[4] else None
            if value is None:
                found.append(letter("SYN124", here))
            yield value or Hole(here)
        elif match[0][0] == "\\":
            resolved = _code_point(match[1]) if match[1] is not None else _ESCAPES.get(match[2], "")
            if not resolved:
                found.append(letter("SYN123", here, found=match[0]))
            yield resolved
        else:
            yield match[0]


def _code_point(digits: str) -> str:
    """The character of `\\u{...}`; nothing where there is none."""
    value = int(digits, 16) if 0 < len(digits) <= 6 else -1
    return chr(value) if 0 <= value < 0x110000 and not 0xD800 <= value < 0xE000 else ""
