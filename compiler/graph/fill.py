"""From a block's statements to its schema: every field evaluated, fitted and typed.

`build` hands over the statements of one block or the arguments of one call; what
comes back is the schema's instance, or None after letters have said why.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from types import UnionType
from typing import Any, Union, cast, get_args, get_origin

from ..diagnostics.diagnostic import Label
from ..front import ast
from ..text import Span
from ..units import Quantity
from .evaluate import Evaluator, World
from .field import Field
from .letters import letter, unknown
from .names import Scope
from .schema import TEXTS, Block, Holds, Schema
from .values import HOLE, Ref, Timeline


@dataclass(frozen=True, slots=True)
class Nested:
    """A nested block after an edit: its statements may come from several places."""

    kind: ast.Name
    body: Body

    @property
    def span(self) -> Span:
        return self.kind.span


Body = list[tuple["ast.Statement | Nested", Scope]]
"""Statements, each with the scope in which its expressions are read."""


@dataclass(frozen=True, slots=True)
class Filler:
    """Fills one schema.  `title` is what letters call it: `train pretrain`."""

    world: World
    title: str

    def fill(self, schema: type[Schema], body: Body, header: Span, extra: dict[str, Any]) -> Schema | None:
        values, spans, seen, remarks = dict(extra), dict[str, Span](), dict[str, Span](), dict[str, str]()
        whole, may_miss = True, not self.world.is_torn
        fields, within = schema.fields(), schema.steps_within if issubclass(schema, Block) else {}
        steps: list[Any] = []
        for statement, scope in body:
            name = self._name(statement)
            if name and name.text in within and not isinstance(statement, ast.Field):
                steps.append(self._inner(within[name.text], statement, scope, name))
            elif name is None or self._is_again(name, seen):
                whole = False
            elif name.text not in fields:
                headline = f"`{self.title}` has no field `{name.text}`"
                choices = (*fields, *within)
                self.world.letters.append(
                    unknown("NAM102", headline, name.span, "not a field of it", choices)
                )
                whole = may_miss = False
            else:
                info, holds = fields[name.text]
                value, spans[name.text] = self._value(statement, scope, schema, holds, name.text)
                whole = whole and value is not HOLE
                values[info.alias or name.text] = _typed(value, info)
                if isinstance(statement, ast.Field) and statement.note:
                    remarks[name.text] = statement.note
        missing = [name for name, (info, _) in fields.items() if info.is_required and name not in seen]
        if missing and may_miss:
            listed = " and ".join(f"`{name}`" for name in missing)
            help = tuple(f"`{name}`: {fields[name][0].description}" for name in missing[:2])
            self.world.letters.append(letter("NAM109", f"`{self.title}` needs {listed}", header, help=help))
        if missing or not whole or HOLE in steps:
            return None
        if within:
            values["steps"] = tuple(steps)
        if not self._within_bounds(schema, values, spans):
            return None
        return schema(**values, spans=spans, remarks=remarks, header=header)

    def shares(self, holds: Holds, body: Body) -> tuple[dict[str, Timeline], dict[str, Span]] | None:
        """A block whose field names are names of the spec: a mix and its corpora."""
        shares, spans, whole = dict[str, Timeline](), dict[str, Span](), True
        for statement, scope in body:
            name = self._name(statement)
            target = self.world.look_up(name, scope) if name else HOLE
            if name is None or target is HOLE:
                whole = False
            elif not isinstance(target, Ref) or target.kind not in ("mix", *TEXTS):
                headline = f"a mix is made of corpora and mixes; `{name.text}` is neither"
                self.world.letters.append(letter("NAM107", headline, name.span))
                whole = False
            elif not self._is_again(name, spans):
                value, spans[name.text] = self._value(statement, scope, Schema, holds, name.text)
                whole = whole and value is not HOLE
                shares[target.address] = value
        return (shares, spans) if whole else None

    def arguments(self, schema: type[Schema], node: ast.Call, scope: Scope) -> Schema | None:
        """A call: arguments without a name fill the fields in their order."""
        names = list(schema.fields())
        body: Body = []
        for index, argument in enumerate(node.arguments):
            if argument.name is None and index >= len(names):
                headline = f"`{self.title}` takes {len(names)} arguments at most"
                self.world.letters.append(letter("NAM102", headline, argument.span))
                return None
            name = argument.name or ast.Name(argument.span, names[index])
            body.append((ast.Field(argument.span, (name,), argument.value), scope))
        return self.fill(schema, body, node.span, {})

    # ---- one statement ------------------------------------------------------------------

    def _name(self, statement: ast.Statement | Nested) -> ast.Name | None:
        """The field that a statement sets; a letter where it sets none."""
        match statement:
            case Nested(kind=kind):
                return kind
            case ast.Field(path=(name,)):
                return name
            case ast.Block(kind=kind, name=None):
                return kind
            case ast.Field(path=(first, second, *_)):
                help = (f"write `{first.text} {{ {second.text} = … }}`",)
                found = letter(
                    "NAM102", "a block sets its own fields only", first.span.to(second.span), help=help
                )
            case ast.Block(kind=kind):
                found = letter("NAM110", f"`{kind.text}` cannot stand inside `{self.title}`", kind.span)
            case ast.Require():
                found = letter(
                    "NAM110", "`require` stands in a stage, not in a block inside it", statement.span
                )
            case _:
                what = type(statement).__name__.lower()
                found = letter("NAM110", f"`{what}` cannot stand inside `{self.title}`", statement.span)
        self.world.letters.append(found)
        return None

    def _is_again(self, name: ast.Name, seen: dict[str, Span]) -> bool:
        if name.text not in seen:
            seen[name.text] = name.span
            return False
        also = (Label(seen[name.text], "first here"),)
        headline = f"`{name.text}` is set twice in `{self.title}`"
        self.world.letters.append(letter("NAM104", headline, name.span, "again here", also=also))
        return True

    def _value(
        self, statement: ast.Statement | Nested, scope: Scope, schema: type[Schema], holds: Holds, name: str
    ) -> tuple[Any, Span]:
        if isinstance(statement, ast.Block | Nested):
            return self._nested(statement, scope, schema, holds, name), statement.kind.span
        assert isinstance(statement, ast.Field)
        value, span = statement.value, statement.value.span
        if holds.block and not holds.refers and not isinstance(value, ast.Hole):
            self.world.letters.append(letter("NAM107", f"`{name}` is a block: `{name} {{ … }}`", span))
            return HOLE, span
        evaluator = Evaluator(self.world, scope)
        found = evaluator.fit(evaluator.value(value, holds), holds, span, name)
        if holds.moves and found is not HOLE and not isinstance(found, Timeline | Schema):
            found = Timeline(found, (), span)
        return found, span

    def _nested(
        self, block: ast.Block | Nested, scope: Scope, schema: type[Schema], holds: Holds, name: str
    ) -> Any:
        if not holds.block:
            headline, help = f"`{name}` is a field of `{self.title}`, not a block", (f"write `{name} = …`",)
            self.world.letters.append(letter("NAM107", headline, block.kind.span, help=help))
            return HOLE
        return self._inner(_schema_of(schema.fields()[name][0]), block, scope, block.kind)

    def _inner(
        self, schema: type[Schema], block: ast.Statement | Nested, scope: Scope, name: ast.Name
    ) -> Any:
        """A block inside this one, as its schema."""
        parts: Body = block.body if isinstance(block, Nested) else [(part, scope) for part in _body_of(block)]
        made = Filler(self.world, name.text).fill(schema, parts, name.span, {})
        return HOLE if made is None else made

    def _within_bounds(self, schema: type[Schema], values: dict[str, Any], spans: dict[str, Span]) -> bool:
        whole = True
        for name, (info, _) in schema.fields().items():
            fault = info.fault(values.get(info.alias or name))
            if fault:
                headline = f"`{name}` of `{self.title}` {fault}"
                self.world.letters.append(letter("UNI107", headline, spans[name]))
                whole = False
        return whole


def _body_of(statement: Any) -> tuple[ast.Statement, ...]:
    return statement.body if isinstance(statement, ast.Block) else ()


@cache
def _types(annotation: Any) -> tuple[Any, ...]:
    """The types that an annotation names, those in unions and tuples too."""
    inner = get_args(annotation) if get_origin(annotation) in (Union, UnionType, tuple) else ()
    return (annotation, *(part for one in inner for part in _types(one)))


def _typed(value: Any, info: Field) -> Any:
    """A fitted quantity as the schema's own type: an int, a fraction, or the quantity with its dimensions."""
    if isinstance(value, tuple):
        return tuple(_typed(item, info) for item in cast("tuple[Any, ...]", value))
    if not isinstance(value, Quantity) or Quantity in _types(info.annotation):
        return value
    return int(value.value) if int in _types(info.annotation) else value.value


def _schema_of(info: Field) -> type[Schema]:
    """The schema of a field that is a block."""
    return next(
        part for part in _types(info.annotation) if isinstance(part, type) and issubclass(part, Schema)
    )
