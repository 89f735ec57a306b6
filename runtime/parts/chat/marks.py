"""Marks that a template's text carries through its rendering: what was said, and what the assistant generates.

A content goes into the template as a string that bears marks at both ends, whatever the template does with it;
what stands between them afterwards was said, all else is the template's own.  The marks are characters that
Unicode keeps free of meaning for ever; where a content holds one, it is spelt otherwise on the way.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any, SupportsIndex

ANSWER, ANSWERED, SAID, UNSAID = "\ufdd0", "\ufdd1", "\ufdd2", "\ufdd3"
_ESCAPE = "\ufdd4"
_MARKS = (ANSWER, ANSWERED, SAID, UNSAID, _ESCAPE)
_SPELT = {ord(mark): f"{_ESCAPE}{place}" for place, mark in enumerate(_MARKS)}


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of a rendered conversation.  Control tokens count in the template's own text alone."""

    text: str
    supervised: bool
    """Whether the assistant generates it."""
    control: bool
    """Whether it is the template's own, and no content."""


class Broken(ValueError):
    """Marks that came out of a template otherwise than in pairs."""


class Content(str):
    """What was said, with its marks; to a template it looks as if they were not there."""

    __slots__ = ("bare",)
    bare: str

    def __new__(cls, text: str) -> Content:
        made = super().__new__(cls, f"{SAID}{text}{UNSAID}")
        made.bare = text
        return made

    def strip(self, chars: str | None = None, /) -> Content:
        return Content(self.bare.strip(chars))

    def lstrip(self, chars: str | None = None, /) -> Content:
        return Content(self.bare.lstrip(chars))

    def rstrip(self, chars: str | None = None, /) -> Content:
        return Content(self.bare.rstrip(chars))

    def split(self, sep: str | None = None, maxsplit: SupportsIndex = -1) -> list[str]:
        return [Content(part) for part in self.bare.split(sep, maxsplit)]

    def replace(self, old: str, new: str, count: SupportsIndex = -1, /) -> Content:
        return Content(self.bare.replace(old, new, count))

    def startswith(self, *wanted: Any) -> bool:
        return self.bare.startswith(*wanted)

    def endswith(self, *wanted: Any) -> bool:
        return self.bare.endswith(*wanted)

    def __getitem__(self, place: Any) -> Content:
        return Content(self.bare[place])

    def __contains__(self, other: object) -> bool:
        return str.__contains__(self.bare, other)  # pyright: ignore[reportArgumentType]

    def __len__(self) -> int:
        return len(self.bare)

    def __eq__(self, other: object) -> bool:
        return self.bare == (other.bare if isinstance(other, Content) else other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash(self.bare)


def content(text: str) -> Content:
    return Content(text.translate(_SPELT))


def segments(rendered: str) -> Iterator[Segment]:
    """The pieces of what a template made, neighbours of one kind as one; raises Broken.

    A blank that the template writes right before a content belongs to the content: in running text a word is
    a token with the blank before it.
    """
    joined = [
        Segment("".join(one.text for one in run), *kind)
        for kind, run in groupby(_pieces(rendered), key=lambda one: (one.supervised, one.control))
    ]
    blank = ""
    for one, after in zip(joined, [*joined[1:], None], strict=True):
        text, blank = blank + one.text, ""
        if one.control and text.endswith(" ") and after and after.supervised is one.supervised:
            text, blank = text[:-1], " "
        if text:
            yield Segment(text, one.supervised, one.control)


def _pieces(rendered: str) -> Iterator[Segment]:
    answering = saying = False
    start = 0
    for place, mark in enumerate(rendered):
        if mark not in _MARKS[:4]:
            continue
        if place > start:
            yield Segment(_unspelt(rendered[start:place], saying), answering, not saying)
        start = place + 1
        match mark, answering, saying:
            case ("\ufdd0", False, False):
                answering = True
            case ("\ufdd1", True, False):
                answering = False
            case ("\ufdd2", _, False):
                saying = True
            case ("\ufdd3", _, True):
                saying = False
            case _:
                raise Broken("takes what was said, or an answer, apart")
    if answering or saying:
        raise Broken("does not end what it began")
    if start < len(rendered):
        yield Segment(_unspelt(rendered[start:], said=False), supervised=False, control=True)


def _unspelt(text: str, said: bool) -> str:
    if not said or _ESCAPE not in text:
        return text
    for place, mark in enumerate(_MARKS):
        text = text.replace(f"{_ESCAPE}{place}", mark)
    return text
