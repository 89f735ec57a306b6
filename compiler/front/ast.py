"""The tree: what the text says, before anyone asks what it means.

Built by `build`, read by `lehr.compiler.graph`.  Nodes are equal when they say
the same thing; spans, comments and docs do not count, so that formatting a file
leaves its tree as it was.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from fractions import Fraction
from functools import cache
from typing import cast

from ..text import Span


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Node:
    """A piece of the text.  What follows is the same for all kinds, and so not made for each: that is a third of
    the time that it takes to make the classes."""

    span: Span = field(compare=False, repr=False)

    def _says(self) -> tuple[object, ...]:
        """What counts when two nodes are compared."""
        return tuple(getattr(self, name) for name in _compared(type(self)))

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return self._says() == cast("Node", other)._says()

    def __hash__(self) -> int:
        return hash(self._says())

    def __repr__(self) -> str:
        shown = (f"{one.name}={getattr(self, one.name)!r}" for one in fields(self) if one.repr)
        return f"{type(self).__name__}({', '.join(shown)})"


@cache
def _compared(kind: type[Node]) -> tuple[str, ...]:
    return tuple(one.name for one in fields(kind) if one.compare)


# ---- expressions -------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Hole(Node):
    """Where something broke.  Whoever meets one stays silent: it has been reported."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Name(Node):
    text: str


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Number(Node):
    """A numeral as written: `2.87T tokens` is (287/100, "T", "tokens"); nothing is scaled yet."""

    value: Fraction
    suffix: str
    noun: str


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Text(Node):
    """A string: literal pieces (escapes resolved) and `${}` expressions, in turn."""

    parts: tuple[str | Expr, ...]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class List(Node):
    items: tuple[Expr, ...]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Member(Node):
    of: Expr
    name: Name


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Element(Node):
    """`of[index]`; an index of None is `[*]`."""

    of: Expr
    index: Expr | None


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Argument(Node):
    name: Name | None
    value: Expr


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Call(Node):
    of: Expr
    arguments: tuple[Argument, ...]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Signed(Node):
    sign: str
    of: Expr


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Binary(Node):
    """`op` is one of + - * / of and or == != <= >= < >."""

    op: str
    left: Expr
    right: Expr


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Not(Node):
    of: Expr


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Range(Node):
    low: Expr
    high: Expr


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Choose(Node):
    test: Expr
    then: Expr
    otherwise: Expr


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Leg(Node):
    """One arrow of a timeline: a jump (`-> value at point`) or a glide (`~> value by point via curve`)."""

    glides: bool
    value: Expr
    point: Expr
    via: Name | None


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Timeline(Node):
    start: Expr
    legs: tuple[Leg, ...]


Expr = (
    Hole
    | Name
    | Number
    | Text
    | List
    | Member
    | Element
    | Call
    | Signed
    | Binary
    | Not
    | Range
    | Choose
    | Timeline
)

# ---- statements --------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Import(Node):
    path: Text
    alias: Name


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Param(Node):
    name: Name
    kind: Name
    default: Expr | None


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Let(Node):
    name: Name
    value: Expr


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Field(Node):
    """`path = value`.  `note` is the trailing comment, without its `#`."""

    path: tuple[Name, ...]
    value: Expr
    note: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Block(Node):
    """`kind name like other { body }`.  `doc` is the `##` text above it; `header` spans kind to name."""

    kind: Name
    name: Name | None
    like: tuple[Name, ...]
    body: tuple[Statement, ...]
    doc: str = field(default="", compare=False)
    header: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Carry(Node):
    name: Name
    value: Expr


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Repeat(Node):
    name: Name
    variable: Name
    over: Expr
    carries: tuple[Carry, ...]
    body: tuple[Statement, ...]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Each(Node):
    name: Name
    variable: Name
    over: Expr
    body: tuple[Statement, ...]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Next(Node):
    name: Name
    value: Expr


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Expect(Node):
    claim: Expr
    within: Expr | None


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Require(Node):
    claim: Expr
    within: Expr | None
    at: Expr


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Set(Node):
    target: Expr
    value: Expr


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Scale(Node):
    kind: Name
    by: Expr
    floor: Expr | None


Statement = Import | Param | Let | Field | Block | Repeat | Each | Next | Expect | Require | Set | Scale


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Comment(Node):
    """`text` is everything after the `#`; `own_line` when nothing stands before it."""

    text: str
    own_line: bool


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class File(Node):
    edition: int
    body: tuple[Statement, ...]
    comments: tuple[Comment, ...] = field(default=(), compare=False)
