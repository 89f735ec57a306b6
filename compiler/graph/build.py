"""From declared names to evaluated blocks.

Blocks are built when they are first asked for, so a value may be read before
the line that defines it; asking for a block that is being built is a cycle.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ..diagnostics.diagnostic import Diagnostic
from ..front import ast
from ..text import Span
from ..units import KINDS as UNIT_KINDS
from ..units import Quantity
from .blocks import KINDS
from .blocks.calls import CALLS
from .derive import Derived
from .evaluate import ANYTHING, Evaluator
from .fill import Body, Filler
from .letters import later, letter, unknown
from .names import Declared, Scope
from .reach import Reach
from .schema import Block, Holds
from .values import HOLE, Bound, Ref

LATER = (
    "prompts", "preferences", "template", "cluster", "profile", "curate", "classifier", "synthesize", "load",
    "distill", "prune", "upcycle", "sft", "reward", "sample", "label", "dpo", "rl", "merge",
)  # fmt: skip
"""Block kinds of the language that this version does not build."""


@dataclass(frozen=True, slots=True)
class _Profile:
    name: str = "full"


@dataclass(eq=False)
class Builder:
    """Builds the blocks of one spec; `letters` gathers what is wrong with it."""

    root: Scope
    letters: list[Diagnostic]
    is_torn: bool = False
    blocks: dict[str, Block | None] = field(default_factory=dict[str, Block | None])

    def __post_init__(self) -> None:
        self._values: dict[int, Any] = {}
        self._busy: list[Declared] = []
        self.derived = Derived(self.block, self.letters)
        self._reach = Reach(self.block, self.derived, self.letters)

    # ---- what an expression can reach (the evaluator's World) --------------------------

    def look_up(self, name: ast.Name, scope: Scope) -> Any:
        declared = scope.names.get(name.text)
        if declared is None:
            return self._builtin_name(name, scope)
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
                return self._reach.of_block(of, name)
            case Bound():
                return self._reach.of_timeline(of, name)
            case Quantity() if name.text in ("start", "end"):
                return of
            case _Profile() if name.text == "name":
                return of.name
            case _:
                return self._reach.nothing(name)

    def call(self, node: ast.Call, holds: Holds, scope: Scope) -> Any:
        match node.of:
            case ast.Name(text=text) if text in CALLS and (text in holds.calls or holds == ANYTHING):
                made = Filler(self, f"{text}(…)").arguments(CALLS[text], node, scope)
                return HOLE if made is None else made
            case ast.Member(of=of, name=ast.Name(text="at")) if len(node.arguments) == 1:
                return self._reach.at(of, node, Evaluator(self, scope))
            case ast.Name(text="min" | "max" | "sum" as text):
                return self._reach.reduced(text, node, Evaluator(self, scope))
            case ast.Name(span=span):
                return self._reach.no_call(span, holds.calls or tuple(CALLS))
            case _:
                return self._say(later("this call", node.span))

    # ---- names -------------------------------------------------------------------------

    def _builtin_name(self, name: ast.Name, scope: Scope) -> Any:
        if name.text == "profile":
            return _Profile()
        if name.text == "pipeline":
            blocks = [one for one in self.root.names.values() if isinstance(one.statement, ast.Block)]
            kinds = {
                one.statement.kind.text: one.name.text
                for one in blocks
                if isinstance(one.statement, ast.Block)
            }
            return Ref(kinds["pipeline"], "pipeline") if "pipeline" in kinds else HOLE
        headline = f"there is no `{name.text}` here"
        return self._say(unknown("NAM101", headline, name.span, "not defined", scope.names))

    def _named_value(self, declared: Declared, name: ast.Name) -> Any:
        key = id(declared.statement)
        if key not in self._values:
            if declared in self._busy:
                return self._cycle(declared, name.span)
            self._busy.append(declared)
            self._values[key] = self._evaluate(declared)
            self._busy.pop()
        return self._values[key]

    def _evaluate(self, declared: Declared) -> Any:
        evaluator, statement = Evaluator(self, declared.scope), declared.statement
        if isinstance(statement, ast.Let):
            return evaluator.value(statement.value)
        assert isinstance(statement, ast.Param)
        name, kind, default = statement.name.text, statement.kind, statement.default
        if kind.text not in UNIT_KINDS:
            return self._say(unknown("NAM101", f"there is no kind `{kind.text}`", kind.span, "", UNIT_KINDS))
        if default is None:
            help = (f"set it: `--set {name}=…`",)
            return self._say(letter("NAM109", f"param `{name}` has no value", statement.span, help=help))
        holds = Holds(kind=kind.text)
        return evaluator.fit(evaluator.value(default, holds), holds, default.span, name)

    def _cycle(self, declared: Declared, span: Span) -> Any:
        ring = [one.name.text for one in self._busy[self._busy.index(declared) :]]
        notes = (" → ".join([*ring, declared.name.text]),)
        return self._say(letter("LIN101", f"`{declared.name.text}` depends on itself", span, notes=notes))

    def _say(self, diagnostic: Diagnostic) -> Any:
        self.letters.append(diagnostic)
        return HOLE

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
            self.blocks[address] = self._build(declared, address)
            self._busy.pop()
        return self.blocks[address]

    def _build(self, declared: Declared, address: str) -> Block | None:
        statement = declared.statement
        if not isinstance(statement, ast.Block):
            return None
        kind = statement.kind
        schema = KINDS.get(kind.text)
        if schema is None:
            headline = f"there is no block kind `{kind.text}`"
            wrong = unknown("NAM103", headline, kind.span, "", (*KINDS, *LATER))
            self.letters.append(later(f"`{kind.text}`", kind.span) if kind.text in LATER else wrong)
            return None
        filler = Filler(self, f"{kind.text} {declared.name.text}")
        body, header = self._body(statement, declared.scope, ()), statement.header or kind.span
        extra = {"address": address, "doc": statement.doc}
        if schema.any_field is None:
            made = filler.fill(schema, body, header, extra)
            return made if isinstance(made, Block) else None
        shares = filler.shares(schema.any_field, body)
        if shares is None:
            return None
        return schema.model_validate({**extra, "shares": shares[0], "spans": shares[1], "header": header})

    def _body(self, statement: ast.Block, scope: Scope, trail: tuple[ast.Block, ...]) -> Body:
        """The block's statements; those of the block that it is `like` come first and give way."""
        own: Body = [(inner, scope) for inner in statement.body]
        if not statement.like:
            return own
        base = self._like(statement, scope)
        if base is None:
            return own
        assert isinstance(base.statement, ast.Block)
        if base.statement in (*trail, statement):
            self.letters.append(
                letter("LIN101", f"`{base.name.text}` is like itself", statement.like[-1].span)
            )
            return own
        named = {_key(inner) for inner, _ in own}
        inherited = self._body(base.statement, base.scope, (*trail, statement))
        return [(inner, where) for inner, where in inherited if _key(inner) not in named] + own

    def _like(self, statement: ast.Block, scope: Scope) -> Declared | None:
        """The block that a block begins as; it must be of the same kind."""
        kind, last = statement.kind.text, statement.like[-1]
        at: Scope | None = scope
        for part in statement.like[:-1]:
            at = at.imports.get(part.text) if at else None
        blocks = {
            name: one
            for name, one in (at.names if at else {}).items()
            if isinstance(one.statement, ast.Block) and one.statement.kind.text == kind
        }
        if last.text not in blocks:
            self.letters.append(
                unknown("NAM101", f"there is no {kind} `{last.text}` to be like", last.span, "", blocks)
            )
        return blocks.get(last.text)


def _key(statement: ast.Statement) -> str | int:
    match statement:
        case ast.Field(path=path):
            return ".".join(name.text for name in path)
        case ast.Block(kind=kind, name=None):
            return kind.text
        case _:
            return id(statement)
