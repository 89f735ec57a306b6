"""How text looks on a terminal: how wide each character is, and what of a long line is shown.

Used by `excerpt` and `text`.  Characters that would move the cursor, or that cannot be seen,
never reach the terminal.  A line is looked at only round its mark, so a line of ten megabytes
costs no more than a short one.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

TAB = 4
_LEAST_ROOM = 20
_IN_ASCII = str.maketrans(
    {"×": "x", "−": "-", "–": "-", "—": "-", "…": "...", "≤": "<=", "≥": ">=", "→": "->"}
)


@dataclass(frozen=True, slots=True)
class Glyphs:
    """The characters of the frame, and whether there are no others than ASCII."""

    corner: str
    bar: str
    gap: str
    plain: bool = False


BOX = Glyphs("┌─", "│", "…")
ASCII = Glyphs("-->", "|", "...", plain=True)


@dataclass(frozen=True, slots=True)
class View:
    """What is shown of a line: its characters from `low` on, and the column where each begins."""

    text: str
    low: int
    columns: list[int]

    def stretch(self, start: int, end: int) -> tuple[int, int]:
        """The columns of a stretch of the line; never empty, and at the view's edge when it is outside."""
        left = self._column(start)
        return left, max(left + 1, self._column(end))

    def _column(self, offset: int) -> int:
        if offset < self.low:
            return 0
        return self.columns[min(offset - self.low, len(self.columns) - 1)]


def view(line: str, chief: int, room: int, glyphs: Glyphs) -> View:
    """A line, cut to the room round the offset `chief` where it is too long."""
    low, high = _bounds(line, min(chief, len(line)), max(room, _LEAST_ROOM), 2 * len(glyphs.gap))
    pieces = [glyphs.gap if low else ""]
    at = len(pieces[0])
    columns = [at]
    for character in line[low:high]:
        piece, width = _cell(character, at, glyphs.plain)
        pieces.append(piece)
        at += width
        columns.append(at)
    pieces.append(glyphs.gap if high < len(line) else "")
    return View("".join(pieces).rstrip(), low, columns)


def visible(text: str, *, plain: bool = False) -> str:
    """Words for the terminal: what would move the cursor or cannot be shown is replaced."""
    if text.isascii() and text.isprintable():
        return text
    meant = text.translate(_IN_ASCII) if plain else text
    return "".join(_cell(character, 0, plain)[0] for character in meant)


def _bounds(line: str, chief: int, room: int, gaps: int) -> tuple[int, int]:
    """From where to where a line is shown: a third of the room before its mark, the rest after it."""
    if len(line) <= 4 * room and sum(map(_width, line)) <= room:
        return 0, len(line)
    inner = room - gaps
    low, used = _leftwards(line, chief, inner // 3)
    high = chief
    while high < len(line) and high - low < 4 * room and used + _width(line[high]) <= inner:
        used += _width(line[high])
        high += 1
    if high == len(line):
        low, _ = _leftwards(line, low, inner - used)
    return low, high


def _leftwards(line: str, start: int, room: int) -> tuple[int, int]:
    """How far back the room reaches, and what is used of it."""
    low, used = start, 0
    while low > 0 and start - low < 4 * room and used + _width(line[low - 1]) <= room:
        low -= 1
        used += _width(line[low])
    return low, used


def _width(character: str) -> int:
    return _cell(character, 0, False)[1]


def _cell(character: str, at: int, plain: bool) -> tuple[str, int]:
    """What is shown for a character at a column, and how many columns it takes."""
    if " " <= character <= "~":
        return character, 1
    if character == "\t":
        width = TAB - at % TAB
        return " " * width, width
    category = unicodedata.category(character)
    if category in ("Mn", "Me"):
        return "" if plain else character, 0
    if category == "Cf":
        return "", 0
    width = 2 if unicodedata.east_asian_width(character) in "WF" else 1
    if category == "Zs":
        return " " * width, width
    if not character.isprintable():
        return "?" if plain else "\N{REPLACEMENT CHARACTER}", 1
    return "?" * width if plain else character, width
