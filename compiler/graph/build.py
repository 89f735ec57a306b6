"""From declared names to evaluated blocks.

Blocks are built when they are first asked for, so a value may be read before
the line that defines it; asking for a block that is being built is a cycle.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any, get_args

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from ..diagnostics.diagnostic import Diagnostic, Label
from ..front import ast
from ..text import Span
from ..units import KINDS as UNIT_KINDS
from ..units import Misfit, Quantity, alike
from .blocks import KINDS
from .blocks.calls import CALLS
from .derive import DERIVED, Derived
from .evaluate import ANYTHING, Evaluator
from .letters import later, letter, misfit, unknown
from .names import Declared, Scope
from .schema import Block, Holds, Schema
from .values import HOLE, Bound, Ref, Timeline

LATER = (
    "prompts preferences template cluster curate classifier synthesize load distill prune upcycle "
    "sft reward sample label dpo rl merge profile"
).split()
"""Block kinds of the language that this version does not build."""

_Body = list[tuple[ast.Statement, Scope]]


@dataclass(frozen=True, slots=True)
class _Profile:
    name: str = "full"


@dataclass(eq=False)
class Builder:
    """Builds the blocks of one spec; `letters` gathers what is wrong with it."""

    root: Scope
    letters: list[Diagnostic]
    blocks: dict[str, Block | None] = field(default_factory=dict[str, Block | None])

    def __post_init__(self) -> None:
        self._lets: dict[int, Any] = {}
        self._busy: list[Declared] = []
        self.derived = Derived(self.block, self.letters)

    # ---- what an expression can reach (the evaluator's World) --------------------------

    def look_up(self, name: ast.Name, scope: Scope) -> Any:
        if name.text == "pipeline" and name.text not in scope.names:
            return self._pipeline()
        if name.text == "profile" and name.text not in scope.names:
            return _Profile()
        declared = scope.names.get(name.text)
        if declared is None:
            self.letters.append(unknown("NAM101", f"there is no `{name.text}` here", name.span, "not defined", scope.names))
            return HOLE
        match declared.statement:
            case ast.Import():
                return scope.imports.get(name.text, HOLE)
            case ast.Block(kind=kind):
                return Ref(scope.prefix + name.text, kind.text)
            case ast.Let() | ast.Param():
                return self._named_value(declared, name)

    def attribute(self, of: Any, name: ast.Name, scope: Scope) -> Any:
        match of:
            case Scope():
                return self.look_up(name, of)
            case Ref():
                return self._attribute_of(of, name)
            case Bound():
                return self._reached(of, name, {"start": 0, "end": 1})
            case Quantity() if name.text in ("start", "end"):
                return of
            case _Profile() if name.text == "name":
                return of.name
            case _:
                self.letters.append(letter("NAM102", f"this has no `{name.text}`", name.span))
                return HOLE

    def call(self, node: ast.Call, holds: Holds, scope: Scope) -> Any:
        match node.of:
            case ast.Name(text=text) if text in CALLS and (text in holds.calls or holds == ANYTHING):
                return self._made(CALLS[text], node, scope)
            case ast.Member(of=of, name=ast.Name(text="at")) if len(node.arguments) == 1:
                return self._at(of, node, scope)
            case ast.Name(text="min" | "max" | "sum" as text):
                return self._reduced(text, node, scope)
            case ast.Name(span=span):
                choices = holds.calls or tuple(CALLS)
                self.letters.append(unknown("NAM101", f"`{span.text}(…)` cannot stand here", span, "", choices))
            case _:
                self.letters.append(later("this call", node.span))
        return HOLE

    # ---- names -------------------------------------------------------------------------

    def _pipeline(self) -> Any:
        found = [d for d in self.root.names.values() if isinstance(d.statement, ast.Block) and d.statement.kind.text == "pipeline"]
        return Ref(found[0].name.text, "pipeline") if found else HOLE

    def _named_value(self, declared: Declared, name: ast.Name) -> Any:
        key = id(declared.statement)
        if key not in self._lets:
            if declared in self._busy:
                self._cycle(declared, name.span)
                return HOLE
            self._busy.append(declared)
            self._lets[key] = self._evaluate_name(declared)
            self._busy.pop()
        return self._lets[key]

    def _evaluate_name(self, declared: Declared) -> Any:
        evaluator, statement = Evaluator(self, declared.scope), declared.statement
        if isinstance(statement, ast.Let):
            return evaluator.value(statement.value)
        if not isinstance(statement, ast.Param):
            return HOLE
        if statement.kind.text not in UNIT_KINDS:
            headline = f"there is no kind `{statement.kind.text}`"
            self.letters.append(unknown("NAM101", headline, statement.kind.span, "", UNIT_KINDS))
            return HOLE
        if statement.default is None:
            help = (f"set it: `--set {statement.name.text}=…`",)
            self.letters.append(letter("NAM109", f"param `{statement.name.text}` has no value", statement.span, help=help))
            return HOLE
        holds = Holds(kind=statement.kind.text)
        return evaluator.fit(evaluator.value(statement.default, holds), holds, statement.default.span, statement.name.text)

    def _cycle(self, declared: Declared, span: Span) -> None:
        ring = [one.name.text for one in self._busy[self._busy.index(declared) :]]
        notes = (" → ".join([*ring, declared.name.text]),)
        self.letters.append(letter("LIN101", f"`{declared.name.text}` depends on itself", span, notes=notes))

    # ---- attributes ----------------------------------------------------------------------

    def _attribute_of(self, ref: Ref, name: ast.Name) -> Any:
        if ref.kind == "pipeline" and name.text == "name":
            return ref.address
        schema = KINDS.get(ref.kind)
        block = self.block(ref.address)
        if block is None or schema is None:
            return HOLE
        derived = DERIVED.get(ref.kind, {})
        if name.text in derived:
            found = derived[name.text](self.derived, block)
            return HOLE if found is None else found
        fields = schema.fields()
        if name.text in fields:
            return self._read(block, name, fields[name.text][1])
        headline = f"a {ref.kind} has no `{name.text}`"
        self.letters.append(unknown("NAM102", headline, name.span, "", (*fields, *derived)))
        return HOLE

    def _read(self, block: Block, name: ast.Name, holds: Holds) -> Any:
        value = getattr(block, _attribute_name(type(block), name.text))
        inherited = {"context": self.derived.context, "rope": self.derived.rope}
        if value is None and block.kind == "train" and name.text in inherited:
            value = inherited[name.text](block)  # pyright: ignore[reportArgumentType]
        if value is None:
            self.letters.append(letter("NAM102", f"`{block.address}` does not set `{name.text}`", name.span))
            return HOLE
        if isinstance(value, Timeline):
            return Bound(value, block.address) if value.moves else value.start
        dims = UNIT_KINDS[holds.kind].dims[0] if holds.kind else ()
        return Quantity(value, dims) if holds.kind and not isinstance(value, Quantity) else value

    def _reached(self, of: Bound, name: ast.Name, points: dict[str, int]) -> Any:
        if name.text not in points:
            self.letters.append(unknown("NAM102", f"a timeline has no `{name.text}`", name.span, "", (*points, "at")))
            return HOLE
        return self._value_at(of, Quantity(Fraction(points[name.text])))

    def _value_at(self, of: Bound, point: Quantity) -> Any:
        stage = self.block(of.stage)
        reached = self.derived.reached(of.timeline, stage, point) if stage else None  # pyright: ignore[reportArgumentType]
        return HOLE if reached is None else reached

    def _at(self, of: ast.Expr, node: ast.Call, scope: Scope) -> Any:
        evaluator, holds = Evaluator(self, scope), Holds(kind="point")
        line, argument = evaluator.value(of), node.arguments[0].value
        point = evaluator.fit(evaluator.value(argument, holds), holds, argument.span)
        if line is HOLE or point is HOLE or isinstance(line, Quantity):
            return HOLE if point is HOLE else line
        if isinstance(line, Bound):
            return self._value_at(line, point)
        self.letters.append(letter("NAM107", "`.at()` reads a timeline of a stage", of.span))
        return HOLE

    def _reduced(self, name: str, node: ast.Call, scope: Scope) -> Any:
        values = [Evaluator(self, scope).value(argument.value) for argument in node.arguments]
        items: list[Any] = [item for value in values for item in (value if isinstance(value, tuple) else (value,))]
        if not items or not all(isinstance(item, Quantity) for item in items):
            if HOLE not in items:
                self.letters.append(letter("NAM107", f"`{name}` takes numbers", node.span))
            return HOLE
        best: Quantity = items[0]
        for item in items[1:]:
            pair = alike(best, item)
            if isinstance(pair, Misfit):
                self.letters.append(misfit(pair, node.span))
                return HOLE
            one, other = pair
            if name == "sum":
                best = replace(one, value=one.value + other.value)
            else:
                best = (min if name == "min" else max)(one, other, key=lambda quantity: quantity.value)
        return best

    # ---- blocks ------------------------------------------------------------------------

    def block(self, address: str) -> Block | None:
        """The block at an address, built when first asked for; None where it failed."""
        if address not in self.blocks:
            *path, name = address.split(".")
            scope = self.root
            for part in path:
                scope = scope.imports[part]
            declared = scope.names[name]
            if declared in self._busy:
                self._cycle(declared, declared.name.span)
                return None
            self._busy.append(declared)
            self.blocks[address] = self._block(declared, address)
            self._busy.pop()
        return self.blocks[address]

    def _block(self, declared: Declared, address: str) -> Block | None:
        statement = declared.statement
        if not isinstance(statement, ast.Block):
            return None
        kind = statement.kind
        if kind.text in LATER:
            self.letters.append(later(f"`{kind.text}`", kind.span))
            return None
        schema = KINDS.get(kind.text)
        if schema is None:
            self.letters.append(unknown("NAM103", f"there is no block kind `{kind.text}`", kind.span, "", (*KINDS, *LATER)))
            return None
        body = self._body(statement, declared.scope, ())
        header = statement.header or kind.span
        extra = {"address": address, "doc": statement.doc}
        if schema.any_field:
            return self._free(schema, schema.any_field, body, header, extra)
        made = self._fill(schema, body, header, f"{kind.text} {declared.name.text}", extra)
        return made if isinstance(made, Block) else None

    def _body(self, statement: ast.Block, scope: Scope, trail: tuple[ast.Block, ...]) -> _Body:
        """The block's statements; those of the block that it is `like` come first and give way."""
        own: _Body = [(inner, scope) for inner in statement.body]
        if not statement.like:
            return own
        at: Scope | None = scope
        for part in statement.like[:-1]:
            at = at.imports.get(part.text) if at else None
        last = statement.like[-1]
        found = at.names.get(last.text) if at else None
        if found is None or not isinstance(found.statement, ast.Block) or found.statement.kind.text != statement.kind.text:
            choices = [name for name, d in (at or scope).names.items() if isinstance(d.statement, ast.Block)]
            self.letters.append(unknown("NAM101", f"there is no {statement.kind.text} `{last.text}` to be like", last.span, "", choices))
            return own
        if found.statement in trail or found.statement is statement:
            self.letters.append(letter("LIN101", f"`{last.text}` is like itself", last.span))
            return own
        named = {_key(inner) for inner, _ in own}
        base = self._body(found.statement, found.scope, (*trail, statement))
        return [(inner, where) for inner, where in base if _key(inner) not in named] + own

    def _fill(self, schema: type[Schema], body: _Body, header: Span, title: str, extra: dict[str, Any]) -> Schema | None:
        values, spans = dict(extra), dict[str, Span]()
        fields, whole, seen = schema.fields(), True, dict[str, Span]()
        for statement, scope in body:
            name = self._field_name(statement, title)
            if name is None:
                whole = False
                continue
            if name.text in seen:
                also = (Label(seen[name.text], "first here"),)
                self.letters.append(letter("NAM104", f"`{name.text}` is set twice in `{title}`", name.span, "again here", also=also))
                continue
            seen[name.text] = name.span
            if name.text not in fields:
                headline = f"`{title}` has no field `{name.text}`"
                self.letters.append(unknown("NAM102", headline, name.span, "not a field of it", fields))
                whole = False
                continue
            info, holds = fields[name.text]
            value, span = self._field(statement, scope, holds, name.text, title)
            spans[name.text] = span
            whole = whole and value is not HOLE
            values[info.alias or name.text] = _typed(value, info)
        missing = [name for name, (info, _) in fields.items() if info.is_required() and name not in seen]
        if missing:
            listed = " and ".join(f"`{name}`" for name in missing)
            help = tuple(f"`{name}`: {fields[name][0].description}" for name in missing[:2])
            self.letters.append(letter("NAM109", f"`{title}` needs {listed}", header, help=help))
            return None
        return self._validated(schema, {**values, "spans": spans, "header": header}, title) if whole else None

    def _validated(self, schema: type[Schema], values: dict[str, Any], title: str) -> Schema | None:
        try:
            return schema.model_validate(values)
        except ValidationError as error:
            for fault in error.errors():
                name = str(fault["loc"][0])
                span = values["spans"].get(name, values["header"])
                said = fault["msg"][:1].lower() + fault["msg"][1:]
                self.letters.append(letter("UNI107", f"`{name}` of `{title}`: {said}", span))
            return None

    def _field_name(self, statement: ast.Statement, title: str) -> ast.Name | None:
        match statement:
            case ast.Field(path=(name,)):
                return name
            case ast.Field(path=(first, second, *_)):
                help = (f"write `{first.text} {{ {second.text} = … }}`",)
                self.letters.append(letter("NAM102", "a block sets its own fields only", first.span.to(second.span), help=help))
            case ast.Block(kind=kind, name=None):
                return kind
            case ast.Block(kind=kind):
                self.letters.append(letter("NAM110", f"`{kind.text}` cannot stand inside `{title}`", kind.span))
            case ast.Require():
                self.letters.append(later("`require`", statement.span))
            case _:
                what = type(statement).__name__.lower()
                self.letters.append(letter("NAM110", f"`{what}` cannot stand inside `{title}`", statement.span))
        return None

    def _field(self, statement: ast.Statement, scope: Scope, holds: Holds, name: str, title: str) -> tuple[Any, Span]:
        if isinstance(statement, ast.Block):
            if not holds.block:
                help = (f"write `{name} = …`",)
                self.letters.append(letter("NAM107", f"`{name}` is a field of `{title}`, not a block", statement.kind.span, help=help))
                return HOLE, statement.kind.span
            schema = _nested(KINDS[title.split()[0]], name)
            made = self._fill(schema, self._body(statement, scope, ()), statement.kind.span, name, {})
            return (HOLE if made is None else made), statement.kind.span
        assert isinstance(statement, ast.Field)
        value, span = statement.value, statement.value.span
        if holds.block and not isinstance(value, ast.Hole):
            self.letters.append(letter("NAM107", f"`{name}` is a block: `{name} {{ … }}`", span))
            return HOLE, span
        evaluator = Evaluator(self, scope)
        found = evaluator.fit(evaluator.value(value, holds), holds, span, name)
        if holds.moves and found is not HOLE and not isinstance(found, Timeline):
            found = Timeline(found, (), span)
        return found, span

    def _free(self, schema: type[Block], holds: Holds, body: _Body, header: Span, extra: dict[str, Any]) -> Block | None:
        """A block whose field names are names of the spec: a mix and its corpora."""
        shares, spans, whole = dict[str, Timeline](), dict[str, Span](), True
        for statement, scope in body:
            name = self._field_name(statement, extra["address"])
            target = self.look_up(name, scope) if name else HOLE
            if name is None or target is HOLE:
                whole = False
                continue
            if not isinstance(target, Ref) or target.kind not in ("corpus", "mix"):
                self.letters.append(letter("NAM107", f"a mix is made of corpora and mixes; `{name.text}` is neither", name.span))
                whole = False
                continue
            if target.address in shares:
                self.letters.append(letter("NAM104", f"`{name.text}` is in this mix twice", name.span, also=(Label(spans[target.address]),)))
                continue
            value, span = self._field(statement, scope, holds, name.text, f"mix {extra['address']}")
            whole = whole and value is not HOLE
            shares[target.address], spans[target.address] = value, span
        if not whole:
            return None
        return schema.model_validate({**extra, "shares": shares, "spans": spans, "header": header})

    def _made(self, schema: type[Schema], node: ast.Call, scope: Scope) -> Any:
        """A call's arguments as the statements of a block, in the order of its fields."""
        names = list(schema.fields())
        body: _Body = []
        for index, argument in enumerate(node.arguments):
            if argument.name is None and index >= len(names):
                self.letters.append(letter("NAM102", f"`{node.of.span.text}` takes {len(names)} arguments at most", argument.span))
                return HOLE
            name = argument.name or ast.Name(argument.span, names[index])
            body.append((ast.Field(argument.span, (name,), argument.value), scope))
        made = self._fill(schema, body, node.span, f"{node.of.span.text}(…)", {})
        return HOLE if made is None else made


def _key(statement: ast.Statement) -> str | int:
    match statement:
        case ast.Field(path=path):
            return ".".join(name.text for name in path)
        case ast.Block(kind=kind, name=None):
            return kind.text
        case _:
            return id(statement)


def _attribute_name(schema: type[Schema], field: str) -> str:
    return next(name for name, info in schema.model_fields.items() if (info.alias or name) == field)


def _annotation(info: FieldInfo) -> tuple[Any, ...]:
    return (info.annotation, *get_args(info.annotation))


def _typed(value: Any, info: FieldInfo) -> Any:
    """A fitted quantity as the schema's own type: an int, a fraction, or the quantity with its dimensions."""
    if isinstance(value, tuple):
        inner = get_args(info.annotation)
        items: tuple[Any, ...] = value
        return tuple(item.value if isinstance(item, Quantity) and Quantity not in inner else item for item in items)
    if not isinstance(value, Quantity) or Quantity in _annotation(info):
        return value
    return int(value.value) if int in _annotation(info) else value.value


def _nested(schema: type[Schema], field: str) -> type[Schema]:
    info = schema.fields()[field][0]
    return next(part for part in _annotation(info) if isinstance(part, type) and issubclass(part, Schema))
