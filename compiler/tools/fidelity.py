"""How true a recipe is to its source: every value reported (where), derived (how), assumed (why), or unmarked.

What is said of a value stands beside it, so the tree is read: `# source: §3.2`, `# assumed: the report is silent`.
A comment beside a block's head speaks for those of its values that have none.  Names of other blocks are no values,
and profiles are left out: they say how a recipe is rehearsed, not what it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields, is_dataclass
from enum import StrEnum
from typing import Any, cast

from ..front import ast
from ..text import Span

_SAID = re.compile(r"(source|assumed|derived)\b\s*:?\s*(.*)")
_WORDS = {"source": "reported", "assumed": "assumed", "derived": "derived"}
_PATHS = ("source", "path", "template", "manifest", "runs", "store")
"""Fields that say where something lies."""


class Origin(StrEnum):
    REPORTED = "reported"
    DERIVED = "derived"
    ASSUMED = "assumed"
    UNMARKED = "unmarked"


@dataclass(frozen=True, slots=True)
class Value:
    """A value of a spec: `block` is where it belongs, as `train core`, and `why` what is said of its origin."""

    block: str
    field: str
    text: str
    origin: Origin
    why: str
    span: Span


def fidelity(files: Iterable[ast.File]) -> list[Value]:
    """The values of a spec and of what it imports, in the order of the text."""
    found: list[Value] = []
    for file in files:
        names = dict(_declared(file.body))
        notes = {one.span.line: one.text.strip() for one in file.comments if not one.own_line}
        found += _Reading(names, notes).body(file.body, "", "", "")
    return found


def share(values: Iterable[Value]) -> float | None:
    """The part that is reported of what had to come from somewhere: derived values follow from the others."""
    counted = [one.origin is Origin.REPORTED for one in values if one.origin is not Origin.DERIVED]
    return sum(counted) / len(counted) if counted else None


@dataclass(frozen=True, slots=True)
class _Reading:
    names: dict[str, ast.Statement]
    notes: dict[int, str]

    def body(self, body: tuple[ast.Statement, ...], block: str, path: str, head: str) -> Iterator[Value]:
        """The values of a body; `head` is said of those that say nothing themselves."""
        for one in body:
            match one:
                case ast.Field():
                    name = path + ".".join(part.text for part in one.path)
                    yield from self._value(block, name, one.value, one.note or self._note(one.span), head)
                case ast.Let() | ast.Param():
                    value = one.value if isinstance(one, ast.Let) else one.default
                    if value:
                        kind = "let" if isinstance(one, ast.Let) else "param"
                        yield from self._value(
                            f"{kind} {one.name.text}", "", value, self._note(one.span), head
                        )
                case ast.Block(kind=ast.Name(text="profile")):
                    continue
                case ast.Block(kind=kind, name=name):
                    said = self._note(one.header or one.span) or head
                    if name and not block:
                        yield from self.body(one.body, f"{kind.text} {name.text}", "", said)
                    else:
                        yield from self.body(one.body, block, f"{path}{kind.text}.", said)
                case ast.Repeat() | ast.Each():
                    yield from self.body(one.body, block, path, head)
                case _:
                    pass

    def _note(self, span: Span) -> str:
        return self.notes.get(span.line) or self.notes.get(span.source.position(span.end)[0], "")

    def _value(self, block: str, name: str, value: ast.Expr, note: str, head: str) -> Iterator[Value]:
        inner = list(_inside(value))
        numbers = any(isinstance(one, ast.Number) for one in inner)
        told = any(isinstance(one, ast.Member) for one in inner) or any(
            isinstance(self.names.get(one.text), ast.Let | ast.Param)
            for one in inner
            if isinstance(one, ast.Name)
        )
        is_word = isinstance(value, ast.Name) and value.text not in self.names
        if name.rpartition(".")[2] in _PATHS or not (numbers or told or is_word):
            return
        said = _SAID.match(note) or _SAID.match(head)
        if said:
            origin, why = Origin(_WORDS[said[1]]), said[2]
        elif told and not numbers:
            origin, why = Origin.DERIVED, " ".join(value.span.text.split())
        else:
            origin, why = Origin.UNMARKED, ""
        yield Value(block, name, " ".join(value.span.text.split()), origin, why, value.span)


def _declared(body: tuple[ast.Statement, ...]) -> Iterator[tuple[str, ast.Statement]]:
    """Every name of a file, with what declares it; those within loops too."""
    for one in body:
        match one:
            case ast.Import(alias=name):
                yield name.text, one
            case ast.Block(name=ast.Name() as name) | ast.Let(name=name) | ast.Param(name=name):
                yield name.text, one
            case ast.Repeat(name=name, variable=variable) | ast.Each(name=name, variable=variable):
                carried = one.carries if isinstance(one, ast.Repeat) else ()
                yield from ((name.text, one), (variable.text, one))
                yield from ((carry.name.text, one) for carry in carried)
                yield from _declared(one.body)
            case _:
                pass


def _inside(of: Any) -> Iterator[Any]:
    """An expression and all that it is made of, but for the names behind a dot, of arguments and of what is called."""
    yield of
    for one in fields(of) if is_dataclass(of) else ():
        part = getattr(of, one.name)
        if isinstance(of, ast.Member | ast.Argument) and one.name == "name":
            continue
        if isinstance(of, ast.Call) and one.name == "of" and isinstance(part, ast.Name):
            continue
        for inner in cast("tuple[Any, ...]", part) if isinstance(part, tuple) else (part,):
            if isinstance(inner, ast.Node):
                yield from _inside(inner)
