"""Sources and spans: where every character of a spec stands.

The first station of the journey.  A `Source` is a file as it was read; a `Span`
is a stretch of it.  Everything later -- tokens, tree, values, diagnostics --
carries spans, and only this module turns an offset into a line and a column.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True, eq=False)
class Source:
    """A spec's text under the name by which the user knows it.

    Offsets count Unicode code points from 0; lines and columns count from 1.
    """

    path: str
    text: str

    @cached_property
    def _starts(self) -> list[int]:
        starts, at = [0], self.text.find("\n")
        while at >= 0:
            starts.append(at + 1)
            at = self.text.find("\n", at + 1)
        return starts

    @property
    def line_count(self) -> int:
        return len(self._starts)

    def position(self, offset: int) -> tuple[int, int]:
        """The line and column of an offset."""
        line = bisect_right(self._starts, offset)
        return line, offset - self._starts[line - 1] + 1

    def offset(self, line: int, column: int) -> int:
        """The offset of a line and column."""
        return self._starts[line - 1] + column - 1

    def line(self, number: int) -> str:
        """One line's text, without its line ending."""
        start = self._starts[number - 1]
        end = self._starts[number] - 1 if number < len(self._starts) else len(self.text)
        return self.text[start:end].removesuffix("\r")


@dataclass(frozen=True, slots=True)
class Span:
    """The stretch `[start, end)` of a source."""

    source: Source
    start: int
    end: int

    @property
    def line(self) -> int:
        return self.source.position(self.start)[0]

    @property
    def column(self) -> int:
        return self.source.position(self.start)[1]

    @property
    def text(self) -> str:
        return self.source.text[self.start : self.end]

    def to(self, other: Span) -> Span:
        """From the start of this span to the end of the other."""
        return Span(self.source, self.start, other.end)

    def __str__(self) -> str:
        return f"{self.source.path}:{self.line}:{self.column}"
