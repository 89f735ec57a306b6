"""The tree that a text is read into before anyone asks what it says: words, and branches named after rules.

Made by `quick`, or by `reader` where the text has to be mended first; `build` makes nodes of it.
"""

from __future__ import annotations

from typing import NamedTuple


class Word(NamedTuple):
    """A token that says something.  `kind` is the grammar's name for it."""

    kind: str
    text: str
    start: int
    end: int


class Branch:
    """What a rule of the grammar made: its children, None where an optional one is missing, and its stretch."""

    __slots__ = ("children", "end", "rule", "start")

    def __init__(self, rule: str, children: list[Child], start: int, end: int) -> None:
        self.rule, self.children, self.start, self.end = rule, children, start, end


Child = Word | Branch | None
