"""How deep an expression grows while it is read.

The passes that follow walk the tree by recursion, so `reader` stops here what
would be too deep for them.  The count is generous: it adds what may be nested.
"""

from __future__ import annotations

from dataclasses import dataclass, field

DEEPEST = 40  # blocks and brackets inside one another
LONGEST = 120  # levels of one expression

_OPENERS = frozenset(("LPAR", "LSQB"))
_CLOSERS = frozenset(("RPAR", "RSQB"))
LINKS = frozenset(("ADD", "MUL", "COMPARE", "OR", "AND", "NOT", "DOT", "_TO", "IF"))
_BREAKS = frozenset(("COMMA", "_JUMP", "_GLIDE", "AT", "BY", "WITHIN"))


@dataclass(slots=True)
class _Level:
    """Inside one bracket: the links of the item being read, and the most of those before it."""

    links: int = 0
    most: int = 0

    def depth(self) -> int:
        return max(self.links, self.most)


@dataclass(slots=True)
class Depth:
    """The brackets that are open in a statement, and the links in each."""

    levels: list[_Level] = field(default_factory=lambda: [_Level()])

    def follow(self, kind: str, blocks: int) -> bool:
        """Count one token; whether what it makes is still shallow enough."""
        level = self.levels[-1]
        if kind in _OPENERS:
            self.levels.append(_Level())
        elif kind in _CLOSERS and len(self.levels) > 1:
            self.levels.pop()
            self.levels[-1].links += level.depth() + 1
        elif kind in LINKS:
            level.links += 1
        elif kind in _BREAKS:
            level.most, level.links = level.depth(), 0
        opens = kind in _OPENERS or kind == "LBRACE"
        return self.levels[-1].links <= LONGEST and not (opens and blocks + len(self.levels) > DEEPEST)
