"""A fault as plain data, so that letters about files can be written without Lark."""

from __future__ import annotations

from dataclasses import dataclass

OPERATORS = frozenset(("ADD", "MUL", "COMPARE", "DOT", "LPAR", "LSQB", "_TO", "OR", "AND"))
_ALWAYS = OPERATORS | {"_NL", "RBRACE", "$END", "HOLE"}

Situation = tuple[frozenset[str], str, str]


@dataclass(frozen=True, slots=True)
class Fault:
    """Where reading failed: `[start, end)`, what stands there, what could have, and the word before.

    `found` is the text of a sign or a keyword, the kind of anything else, and
    `end` for the end of a line or a block.
    """

    start: int
    end: int
    found: str
    accepts: frozenset[str]
    previous: str

    @property
    def telling(self) -> frozenset[str]:
        """The tokens that tell one place from another: those that can stand nearly anywhere do not."""
        return self.accepts - _ALWAYS

    @property
    def situation(self) -> Situation:
        return self.telling, self.found, self.previous
