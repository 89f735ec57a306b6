"""What is said about a fault: the row of `stumbles` that fits, put on the spot.

`reader` brings a `Fault`, a plain description of the situation; this module
compares it with the situations that the examples lead to and writes the letter.
What matters of a situation is which tokens could have stood here (operators and
line ends apart, for those can nearly always), what stands here, and the word
before.  Not the parser's state: states are shared between places that deserve
different words, and their numbers change from build to build.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from functools import cache

from ..diagnostics.diagnostic import Diagnostic, Edit, Fix, Label
from ..text import Source, Span
from .situation import Fault, Situation
from .stumbles import STUMBLES, Stumble, stumble

_NEAR = 400  # characters: how far from a fault its mark may reach
_IN_WORDS = {
    "NAME": "a name",
    "NUMERAL": "a number",
    "STRING": "text",
    "LBRACE": "`{`",
    "EQUAL": "`=`",
    "COMMA": "`,`",
    "COLON": "`:`",
    "RSQB": "`]`",
    "RPAR": "`)`",
    "_JUMP": "`->`",
    "_GLIDE": "`~>`",
}


def letter(code: str, span: Span, *others: Label, text: str = "", found: str = "") -> Diagnostic:
    """The letter of a code about a place."""
    return _write(stumble(code), span, others, text, found)


def explain(fault: Fault, source: Source, probe: Callable[[str], Fault | None]) -> Diagnostic:
    """The letter about a fault that the parser met; `probe` reads a snippet up to its first one."""
    for row in (*_anywhere(fault), *_taught(probe).get(fault.situation, ())):
        span, fix = _marked(row, fault, source)
        if span is not None:
            written = _write(row, span, (), "", "")
            return written if fix is None else _with_fix(written, fix)
    return _generic(fault, source)


def _write(row: Stumble, span: Span, others: tuple[Label, ...], text: str, found: str) -> Diagnostic:
    advice = (row.help,) if row.help else ()
    headline = row.headline.replace("{found}", found)
    return Diagnostic(row.code, row.name, headline, (Label(span, text), *others), (), advice)


def _with_fix(written: Diagnostic, fix: Fix) -> Diagnostic:
    return Diagnostic(written.code, written.name, written.headline, written.labels, (), written.help, fix)


def _anywhere(fault: Fault) -> list[Stumble]:
    signs = {"'": "SYN111", "//": "SYN112", '"': "SYN113"}
    return [row for row in STUMBLES if row.anywhere and row.code == signs.get(fault.found)]


@cache
def _taught(probe: Callable[[str], Fault | None]) -> dict[Situation, list[Stumble]]:
    """The situations that the examples lead to."""
    rows: dict[Situation, list[Stumble]] = {}
    for row in STUMBLES:
        for snippet in row.snippets if row.taught and not row.anywhere else ():
            fault = probe(f"lehr 1\n{snippet}\n")
            if fault is not None:
                known = rows.setdefault(fault.situation, [])
                known += [row] if row not in known else []
    return rows


def _marked(row: Stumble, fault: Fault, source: Source) -> tuple[Span | None, Fix | None]:
    """The text that the row marks round the fault, and its fix; no span where the row does not fit."""
    if not row.marks:
        return Span(source, fault.start, fault.end), None
    start = max(source.text.rfind("\n", 0, fault.start) + 1, fault.start - _NEAR)
    for match in re.finditer(row.marks, source.text[start : fault.start + _NEAR]):
        span = Span(source, match.start() + start, match.end() + start)
        if span.start <= fault.start < span.end or (fault.start == fault.end == span.end):
            if row.instead is None or (row.code == "SYN111" and match[1] is None):
                return span, None
            written = match.expand(row.instead)
            title = f"write `{written.strip()}`" if written else "take it out"
            return span, Fix(title, (Edit(span, written),))
    return None, None


def _generic(fault: Fault, source: Source) -> Diagnostic:
    written = letter("SYN100", Span(source, fault.start, fault.end), found=_in_words(fault, source))
    due = sorted(_IN_WORDS.get(kind, f"`{kind.lower()}`") for kind in fault.telling)
    due += ["an operator"] if "MUL" in fault.accepts else []
    due += ["the end of the line"] if "_NL" in fault.accepts and fault.found != "end" else []
    notes = (f"what may stand here: {', '.join(due)}",) if 0 < len(due) <= 6 else ()
    return Diagnostic(written.code, written.name, written.headline, written.labels, notes)


def _in_words(fault: Fault, source: Source) -> str:
    text = source.text[fault.start : fault.end]
    if fault.found == "end":
        return "`}`" if text == "}" else "the end of the line"
    if len(text) == 1 and not text.isascii():
        return f"the character `{text}` ({unicodedata.name(text, f'U+{ord(text):04X}')})"
    if len(text) == 1 and not text.isprintable():
        return f"the character U+{ord(text):04X}"
    return f"`{text}`" if len(text) <= 40 else f"`{text[:40]}…`"
