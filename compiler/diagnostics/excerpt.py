"""The lines of a file with marks under them.

Used by `text`.  It yields rows of pieces, each piece with the name of a style;
`text` paints them, and `cells` says how wide they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ..text import Source
from .cells import Glyphs, View, view, visible
from .diagnostic import Label

Row = list[tuple[str, str]]
"""Pieces of text, each with its style: `plain`, `frame`, `primary` or `secondary`."""


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

    @property
    def room(self) -> int:
        """How many columns are left for a line."""
        return self.width - self.margin - 3


def margin(labels: Sequence[Label]) -> int:
    """How many digits the largest line number has."""
    return max((len(str(label.span.line)) for label in labels), default=1)


def excerpt(labels: Sequence[Label], glyphs: Glyphs, width: int) -> Iterator[Row]:
    """Every marked line of every file, the primary label's file first."""
    sheet = Sheet(margin(labels), glyphs, width)
    for source in dict.fromkeys(label.span.source for label in labels):
        here = [label for label in labels if label.span.source is source]
        place = visible(str(here[0].span), plain=glyphs.plain)
        yield [(f"{'':>{sheet.margin}} {glyphs.corner} ", "frame"), (place, "plain")]
        yield [sheet.gutter()]
        yield from _of_file(source, here, labels[0], sheet)
        yield [sheet.gutter()]


def _of_file(source: Source, labels: list[Label], primary: Label, sheet: Sheet) -> Iterator[Row]:
    previous = 0
    for line in sorted({label.span.line for label in labels}):
        if previous and line > previous + 1:
            yield [(f"{sheet.glyphs.gap:>{sheet.margin}}", "frame")]
        here = [label for label in labels if label.span.line == line]
        chief = primary if primary in here else here[0]
        text = source.line(line)
        shown = view(text, chief.span.column - 1, sheet.room, sheet.glyphs)
        marks = [_mark(label, len(text), shown, label is primary, sheet.glyphs) for label in here]
        yield [sheet.gutter(str(line)), (shown.text, "plain")]
        yield from ([sheet.gutter(), *row] for row in _marks(marks, sheet.glyphs.bar))
        previous = line


def _mark(label: Label, length: int, shown: View, primary: bool, glyphs: Glyphs) -> Mark:
    """A label's stretch of its first line; never empty, so that there is something to see."""
    first = label.span.column - 1
    last = min(first + label.span.end - label.span.start, max(first, length))
    start, end = shown.stretch(first, last)
    return Mark(start, end, visible(label.text, plain=glyphs.plain), "primary" if primary else "secondary")


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
