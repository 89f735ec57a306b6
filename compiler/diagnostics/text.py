"""Diagnostics as letters: what is wrong, the lines it is about, what to do.

The renderer for people; `short` and `as_json` are its neighbours.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from .cells import ASCII, BOX, visible
from .diagnostic import Diagnostic, Severity
from .excerpt import Row, excerpt, margin

_SEVERITY = {Severity.ERROR: "1;31", Severity.WARNING: "1;33", Severity.NOTE: "1;36"}
_STYLES = {"frame": "34", "secondary": "34", "help": "32", "strong": "1"}


def text(
    diagnostics: Sequence[Diagnostic], *, colour: bool = False, unicode: bool = True, width: int = 100
) -> str:
    """All letters, one below the other, a blank line between them."""
    letters = ["\n".join(_letter(diagnostic, colour, unicode, width)) for diagnostic in diagnostics]
    return "\n\n".join(letters) + "\n" if letters else ""


def _letter(diagnostic: Diagnostic, colour: bool, unicode: bool, width: int) -> Iterator[str]:
    styles = {**_STYLES, "primary": _SEVERITY[diagnostic.severity]} if colour else {}
    head = _paint(f"{diagnostic.severity}[{diagnostic.code}]", "primary", styles)
    headline = visible(diagnostic.headline, plain=not unicode)
    yield f"{head}{_paint(f': {headline}', 'strong', styles)}"
    for row in excerpt(diagnostic.labels, BOX if unicode else ASCII, width) if diagnostic.labels else ():
        yield "".join(_paint(piece, style, styles) for piece, style in _trimmed(row))
    indent = " " * (margin(diagnostic.labels) + 1)
    for style, remark in _remarks(diagnostic):
        lines = [visible(line, plain=not unicode).rstrip() for line in remark.split("\n")]
        yield f"{indent}{_paint('=', 'frame', styles)} {_paint(lines[0], style, styles)}"
        yield from (f"{indent}  {_paint(line, style, styles)}".rstrip() for line in lines[1:])


def _trimmed(row: Row) -> Row:
    """The row without blanks at its end."""
    while row and not row[-1][0].strip():
        row = row[:-1]
    return [*row[:-1], (row[-1][0].rstrip(), row[-1][1])] if row else row


def _remarks(diagnostic: Diagnostic) -> Iterator[tuple[str, str]]:
    """Notes and help; the first piece of advice says when there is a fix for it."""
    for note in diagnostic.notes:
        yield "plain", note
    fix = diagnostic.fix
    advice = diagnostic.help or ((fix.title,) if fix else ())
    for number, line in enumerate(advice):
        mark = f"  [{fix.safety} fix]" if fix and fix.safety != "display" and number == 0 else ""
        yield "help", f"help: {line}{mark}"
    if diagnostic.profile:
        yield "plain", f"only under --profile {diagnostic.profile}"


def _paint(piece: str, style: str, styles: dict[str, str]) -> str:
    code = styles.get(style)
    return f"\x1b[{code}m{piece}\x1b[0m" if code and piece.strip() else piece
