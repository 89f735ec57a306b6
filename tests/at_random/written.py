"""A recipe as a structure: blocks with fields, loops with bodies.  It is written out last, so that a fault can
be put into it at any place where it applies.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Block:
    """`kind name like other { fields; nested blocks; gates }`; a name of "" is a nested block."""

    kind: str
    name: str = ""
    fields: dict[str, str] = field(default_factory=dict)
    inner: list[Block] = field(default_factory=list)
    like: str = ""
    more: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        head = " ".join(
            part for part in (self.kind, self.name, f"like {self.like}" if self.like else "") if part
        )
        body = [f"{name} = {value}" for name, value in self.fields.items()]
        body += [line for one in self.inner for line in one.lines()] + self.more
        return [f"{head} {{", *(f"  {line}" for line in body), "}"]


@dataclass
class Loop:
    """`repeat name for i in … carry … { body; next … }` or `each`."""

    head: str
    body: list[Block | Loop]
    tail: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        inside = [line for one in self.body for line in one.lines()] + self.tail
        return [f"{self.head} {{", *(f"  {line}" for line in inside), "}"]


@dataclass
class Line:
    """A statement that is one line: a let, a claim."""

    text: str

    def lines(self) -> list[str]:
        return [self.text]


@dataclass
class Recipe:
    """A spec on the way to its text."""

    parts: list[Block | Loop | Line] = field(default_factory=list)

    def text(self) -> str:
        return "\n".join(["lehr 1", *(line for part in self.parts for line in part.lines())]) + "\n"

    def blocks(self, *kinds: str) -> list[Block]:
        """Every block, those in loops and those nested in others too."""
        found: list[Block] = []

        def walk(parts: list) -> None:
            for part in parts:
                if isinstance(part, Block):
                    found.append(part)
                    walk(part.inner)
                elif isinstance(part, Loop):
                    walk(part.body)

        walk(self.parts)
        return [one for one in found if not kinds or one.kind in kinds]
