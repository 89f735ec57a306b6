"""The lines of a file with marks under them.

Used by `text`.  It yields rows of pieces, each piece with the name of a style;
`text` paints them.  Very long lines are cut to a window before anything else is
done with them, so a line of ten megabytes costs no more than a short one.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from ..text import Source
from .diagnostic import Label

Row = list[tuple[str, str]]
"""Pieces of text, each with its style: `plain`, `frame`, `primary` or `secondary`."""

TAB = 4


@dataclass(frozen=True, slots=True)
class Glyphs:
    """The characters of the frame."""

    corner: str
    bar: str
    gap: str


BOX = Glyphs("┌─", "│", "…")
ASCII = Glyphs("-->", "|", "...")


@dataclass(frozen=True, slots=True)
class Mark:
    """A stretch of one line, from column 0 on, and the words beside it."""

    start: int
    end: int
    text: str
    style: str


@dataclass(frozen=True, slots=True)
class Sheet:
    """How an excerpt is laid out: its margin, its frame and its width."""

    margin: int
    glyphs: Glyphs
    width: int

    def gutter(self, number: str = "") -> tuple[str, str]:
        return (f"{number:>{self.margin}} {self.glyphs.bar} ", "frame")


def margin(labels: Sequence[Label]) -> int:
    """How many digits the largest line number has."""
    return max((len(str(label.span.line)) for label in labels), default=1)


def excerpt(labels: Sequence[Label], glyphs: Glyphs, width: int) -> Iterator[Row]:
    """Every marked line of every file, the primary label's file first."""
    sheet = Sheet(margin(labels), glyphs, width)
    for source in dict.fromkeys(label.span.source for label in labels):
        here = [label for label in labels if label.span.source is source]
        yield [(f"{'':>{sheet.margin}} {glyphs.corner} ", "frame"), (str(here[0].span), "plain")]
        yield [sheet.gutter()]
        yield from _of_file(source, here, labels[0], sheet)
        yield [sheet.gutter()]


def _of_file(source: Source, labels: list[Label], primary: Label, sheet: Sheet) -> Iterator[Row]:
    previous = 0
    for line in sorted({label.span.line for label in labels}):
        if previous and line > previous + 1:
            yield [(f"{sheet.glyphs.gap:>{sheet.margin}}", "frame")]
        marks = [_mark(source, label, primary) for label in labels if label.span.line == line]
        text, marks = _window(source.line(line), marks, sheet.width - sheet.margin - 3)
        shown, columns = _displayed(text)
        yield [sheet.gutter(str(line)), (shown, "plain")]
        placed = [replace(mark, start=columns[mark.start], end=columns[mark.end]) for mark in marks]
        yield from ([sheet.gutter(), *row] for row in _marks(placed, sheet.glyphs.bar))
        previous = line


def _mark(source: Source, label: Label, primary: Label) -> Mark:
    """A label's stretch of its first line; never empty, so that there is something to see."""
    start = label.span.column - 1
    line_length = len(source.line(label.span.line))
    end = max(start + 1, min(start + label.span.end - label.span.start, line_length))
    return Mark(start, end, label.text, "primary" if label is primary else "secondary")


def _window(line: str, marks: list[Mark], room: int) -> tuple[str, list[Mark]]:
    """A line that is too long, cut to the room round its chief mark."""
    room = max(room, 20)
    if len(line) <= room:
        return line + " ", marks
    chief = next((mark for mark in marks if mark.style == "primary"), marks[0])
    low = max(0, min(chief.start - room // 3, len(line) - room + 1))
    high = low + room - 2
    before, after = "…" if low else "", "…" if high < len(line) else ""
    shift = len(before) - low
    cut = before + line[low:high] + after
    kept = [
        replace(mark, start=_between(mark.start + shift, cut), end=_between(mark.end + shift, cut, 1))
        for mark in marks
    ]
    return cut + " ", kept


def _between(column: int, text: str, least: int = 0) -> int:
    return max(least, min(column, len(text) - 1 + least))


def _displayed(text: str) -> tuple[str, list[int]]:
    """A line as a terminal shows it, and the column at which each character then stands."""
    shown: list[str] = []
    columns, at = [0], 0
    for character in text:
        piece, width = _cell(character, at)
        shown.append(piece)
        at += width
        columns.append(at)
    return "".join(shown).rstrip(), [*columns, at + 1]


def _cell(character: str, at: int) -> tuple[str, int]:
    if character == "\t":
        width = TAB - at % TAB
        return " " * width, width
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return character if character.isprintable() else "", 0
    if not character.isprintable():
        return "\N{REPLACEMENT CHARACTER}", 1
    return character, 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _marks(marks: list[Mark], bar: str) -> Iterator[Row]:
    """The underlines, the last label beside them, the others hanging below from right to left."""
    ordered = sorted(marks, key=lambda mark: (mark.start, mark.end))
    *hanging, last = ordered
    row = _underline(ordered)
    yield [*row, (f" {last.text}", last.style)] if last.text else row
    hanging = [mark for mark in hanging if mark.text]
    if hanging:
        yield _bars(hanging, bar)
    while hanging:
        mark = hanging.pop()
        row = _bars([other for other in hanging if other.start < mark.start], bar)
        drawn = sum(len(text) for text, _ in row)
        yield [*row, (" " * (mark.start - drawn), "plain"), (mark.text, mark.style)]


def _underline(marks: list[Mark]) -> Row:
    cells: dict[int, str] = {}
    for mark in sorted(marks, key=lambda mark: mark.style, reverse=True):  # the primary mark comes out on top
        cells |= dict.fromkeys(range(mark.start, mark.end), mark.style)
    row: Row = []
    for column in range(max(cells) + 1):
        style = cells.get(column, "plain")
        sign = {"primary": "^", "secondary": "-", "plain": " "}[style]
        if row and row[-1][1] == style:
            row[-1] = (row[-1][0] + sign, style)
        else:
            row.append((sign, style))
    return row


def _bars(marks: list[Mark], bar: str) -> Row:
    row: Row = []
    at = 0
    for start, style in {mark.start: mark.style for mark in marks}.items():
        row += [(" " * (start - at), "plain"), (bar, style)]
        at = start + 1
    return row
