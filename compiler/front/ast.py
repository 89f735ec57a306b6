"""The tree: what the text says, before anyone asks what it means.

Built by `build`, read by `lehr.compiler.graph`.  Nodes are equal when they say
the same thing; spans, comments and docs do not count, so that formatting a file
leaves its tree as it was.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction

from ..text import Span


@dataclass(frozen=True, slots=True)
class Node:
    span: Span = field(compare=False, repr=False)


# ---- expressions -------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Hole(Node):
    """Where something broke.  Whoever meets one stays silent: it has been reported."""


@dataclass(frozen=True, slots=True)
class Name(Node):
    text: str


@dataclass(frozen=True, slots=True)
class Number(Node):
    """A numeral as written: `2.87T tokens` is (287/100, "T", "tokens"); nothing is scaled yet."""

    value: Fraction
    suffix: str
    noun: str


@dataclass(frozen=True, slots=True)
class Text(Node):
    """A string: literal pieces (escapes resolved) and `${}` expressions, in turn."""

    parts: tuple[str | Expr, ...]


@dataclass(frozen=True, slots=True)
class List(Node):
    items: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class Member(Node):
    of: Expr
    name: Name


@dataclass(frozen=True, slots=True)
class Element(Node):
    """`of[index]`; an index of None is `[*]`."""

    of: Expr
    index: Expr | None


@dataclass(frozen=True, slots=True)
class Argument(Node):
    name: Name | None
    value: Expr


@dataclass(frozen=True, slots=True)
class Call(Node):
    of: Expr
    arguments: tuple[Argument, ...]


@dataclass(frozen=True, slots=True)
class Signed(Node):
    sign: str
    of: Expr


@dataclass(frozen=True, slots=True)
class Binary(Node):
    """`op` is one of + - * / of and or == != <= >= < >."""

    op: str
    left: Expr
    right: Expr


@dataclass(frozen=True, slots=True)
class Not(Node):
    of: Expr


@dataclass(frozen=True, slots=True)
class Range(Node):
    low: Expr
    high: Expr


@dataclass(frozen=True, slots=True)
class Choose(Node):
    test: Expr
    then: Expr
    otherwise: Expr


@dataclass(frozen=True, slots=True)
class Leg(Node):
    """One arrow of a timeline: a jump (`-> value at point`) or a glide (`~> value by point via curve`)."""

    glides: bool
    value: Expr
    point: Expr
    via: Name | None


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
class Import(Node):
    path: Text
    alias: Name


@dataclass(frozen=True, slots=True)
class Param(Node):
    name: Name
    kind: Name
    default: Expr | None


@dataclass(frozen=True, slots=True)
class Let(Node):
    name: Name
    value: Expr


@dataclass(frozen=True, slots=True)
class Field(Node):
    """`path = value`.  `note` is the trailing comment, without its `#`."""

    path: tuple[Name, ...]
    value: Expr
    note: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Block(Node):
    """`kind name like other { body }`.  `doc` is the `##` text above it; `header` spans kind to name."""

    kind: Name
    name: Name | None
    like: tuple[Name, ...]
    body: tuple[Statement, ...]
    doc: str = field(default="", compare=False)
    header: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Carry(Node):
    name: Name
    value: Expr


@dataclass(frozen=True, slots=True)
class Repeat(Node):
    name: Name
    variable: Name
    over: Expr
    carries: tuple[Carry, ...]
    body: tuple[Statement, ...]


@dataclass(frozen=True, slots=True)
class Each(Node):
    name: Name
    variable: Name
    over: Expr
    body: tuple[Statement, ...]


@dataclass(frozen=True, slots=True)
class Next(Node):
    name: Name
    value: Expr


@dataclass(frozen=True, slots=True)
class Expect(Node):
    claim: Expr
    within: Expr | None


@dataclass(frozen=True, slots=True)
class Require(Node):
    claim: Expr
    within: Expr | None
    at: Expr


@dataclass(frozen=True, slots=True)
class Set(Node):
    target: Expr
    value: Expr


@dataclass(frozen=True, slots=True)
class Scale(Node):
    kind: Name
    by: Expr
    floor: Expr | None


Statement = Import | Param | Let | Field | Block | Repeat | Each | Next | Expect | Require | Set | Scale


@dataclass(frozen=True, slots=True)
class Comment(Node):
    """`text` is everything after the `#`; `own_line` when nothing stands before it."""

    text: str
    own_line: bool


@dataclass(frozen=True, slots=True)
class File(Node):
    edition: int
    body: tuple[Statement, ...]
    comments: tuple[Comment, ...] = field(default=(), compare=False)
