"""From declared names to evaluated blocks.

Blocks are built when they are first asked for, so a value may be read before
the line that defines it; asking for a block that is being built is a cycle.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, cast

from ..diagnostics.diagnostic import Diagnostic
from ..front import ast
from ..text import Span
from ..units import KINDS as UNIT_KINDS
from ..units import Quantity
from .blocks import KINDS
from .bodies import Bodies
from .derive import Derived
from .edits import Edits
from .evaluate import Evaluator
from .fill import Body, Filler
from .gates import gates
from .letters import letter, unknown
from .loops import Loop, Loops
from .methods import Methods
from .names import Named, Scope, name_of
from .reach import Reach, Scores
from .schema import MODELS, Block, Holds
from .tracks import UNSCALED, Scaling
from .values import HOLE, Bound, Gate, Ref

DEEPEST = 100
"""Blocks and names that may wait for one another's values in a row."""


@dataclass(frozen=True, slots=True)
class _Profile:
    name: str


@dataclass(eq=False)
class Builder:
    """Builds the blocks of one spec under one set of edits; `letters` gathers what is wrong with it.

    `blocks` may be given beforehand, as a scaled profile does: then expressions read those.
    """

    root: Scope
    letters: list[Diagnostic]
    edits: Edits = field(default_factory=Edits)
    profile: str = "full"
    is_torn: bool = False
    blocks: dict[str, Block | None] = field(default_factory=dict[str, Block | None])
    scaling: Scaling = UNSCALED

    def __post_init__(self) -> None:
        self._values: dict[tuple[int, int], Any] = {}
        self._busy: dict[tuple[int, int], str] = {}
        self._places: dict[str, tuple[ast.Block, Scope]] = {}
        self.derived = Derived(self.block, self.letters, self.scaling)
        self.loops = Loops(self, self.letters)
        self._reach = Reach(self.block, self.derived, self.letters)
        self._methods = Methods(self, self.derived, self._reach)
        self._bodies = Bodies(self.edits, self._say)

    def build(self) -> None:
        """Every block, in the order of the text; loops turn by turn, imports last."""
        for scope in self.scopes():
            for name, statement in scope.names.named.items():
                if isinstance(statement, ast.Let | ast.Param):
                    self.look_up(name_of(statement), scope)
                elif isinstance(statement, ast.Repeat):
                    self._settle(scope, name)
        for address in self.addresses(self.root):
            self.block(address)

    def addresses(self, scope: Scope) -> Iterator[str]:
        """The blocks of a scope, in the order of the text."""
        for statement in scope.names.named.values():
            if isinstance(statement, ast.Block):
                yield self._ref(statement, scope).address
            elif isinstance(statement, ast.Repeat | ast.Each):
                loop = self.loops.open(statement, scope)
                for turn in loop.turns if loop else ():
                    yield from self.addresses(turn)
        for child in scope.imports.values() if scope.turn is None else ():
            yield from self.addresses(child)

    def scopes(self) -> list[Scope]:
        """The scope of the spec, of every turn of its loops, and of its imports."""
        return list(self._scopes(self.root))

    def _scopes(self, scope: Scope) -> Iterator[Scope]:
        yield scope
        for statement in scope.names.named.values():
            if isinstance(statement, ast.Repeat | ast.Each):
                loop = self.loops.open(statement, scope)
                for turn in loop.turns if loop else ():
                    yield from self._scopes(turn)
        for child in scope.imports.values() if scope.turn is None else ():
            yield from self._scopes(child)

    def _settle(self, scope: Scope, name: str) -> None:
        """Work out what a loop carries, so that its letters are written even where nobody reads it."""
        statement = cast("ast.Repeat", scope.names.named[name])
        loop = self.loops.open(statement, scope)
        for carry in statement.carries if loop else ():
            assert loop is not None
            self.loops.carried(loop, len(loop.turns), carry.name)

    # ---- what an expression can reach (the evaluator's World) --------------------------

    def look_up(self, name: ast.Name, scope: Scope) -> Any:
        at: Scope | None = scope
        while at:
            if name.text in at.values:
                return at.values[name.text]
            if at.turn and self._is_carried(name.text, at.turn[0]):
                return self.loops.carried(*at.turn, name)
            if name.text in at.names.named:
                return self._declared(at.names.named[name.text], at, name)
            at = at.parent
        return self._builtin_name(name, scope)

    def _is_carried(self, name: str, loop: Loop) -> bool:
        statement = loop.statement
        return isinstance(statement, ast.Repeat) and any(one.name.text == name for one in statement.carries)

    def _declared(self, statement: Named, scope: Scope, name: ast.Name) -> Any:
        match statement:
            case ast.Import():
                return scope.imports.get(name.text, HOLE)
            case ast.Block():
                # A block of an unknown kind has had its letter; whoever names it stays silent.
                return self._ref(statement, scope) if statement.kind.text in KINDS else HOLE
            case ast.Let() | ast.Param():
                return self._named_value(statement, scope, name)
            case ast.Repeat() | ast.Each():
                loop = self.loops.open(statement, scope)
                return HOLE if loop is None else loop

    def attribute(self, of: Any, name: ast.Name, scope: Scope) -> Any:
        match of:
            case Scope():
                return self._inside(of, name)
            case tuple():
                items = [self.attribute(item, name, scope) for item in cast("tuple[Any, ...]", of)]
                return HOLE if HOLE in items else tuple(items)
            case Loop():
                return self.loops.attribute(of, name)
            case Ref() if name.text == "scores" and of.kind in (*MODELS, "reward"):
                return Scores(of, scope)
            case Ref():
                return self._reach.of_block(of, name)
            case Scores():
                return self._reach.of_scores(of, name)
            case Bound():
                return self._reach.of_timeline(of, name)
            case Quantity() if name.text in ("start", "end"):
                return of
            case _Profile() if name.text == "name":
                return of.name
            case _:
                return self._reach.of_value(of, name)

    def _inside(self, scope: Scope, name: ast.Name) -> Any:
        """A name of an import, or of one turn of a loop."""
        if scope.turn and self._is_carried(name.text, scope.turn[0]):
            return self.loops.carried(*scope.turn, name)
        if name.text in scope.values:
            return scope.values[name.text]
        statement = scope.names.named.get(name.text)
        if statement is not None:
            return self._declared(statement, scope, name)
        headline = f"there is no `{name.text}` in `{scope.prefix.rstrip('.')}`"
        return self._say(unknown("NAM101", headline, name.span, "not defined", scope.names.named))

    def call(self, node: ast.Call, holds: Holds, scope: Scope) -> Any:
        return self._methods.call(node, holds, scope)

    def element(self, of: Any, index: Any, node: ast.Element) -> Any:
        return self._methods.element(of, index, node)

    # ---- names -------------------------------------------------------------------------

    def _ref(self, block: ast.Block, scope: Scope) -> Ref:
        assert block.name is not None
        address = scope.prefix + block.name.text
        self._places.setdefault(address, (block, scope))
        return Ref(address, block.kind.text)

    def _builtin_name(self, name: ast.Name, scope: Scope) -> Any:
        if name.text == "profile":
            return _Profile(self.profile)
        if name.text == "pipeline":
            blocks = [one for one in self.root.names.named.values() if isinstance(one, ast.Block)]
            found = [self._ref(block, self.root) for block in blocks if block.kind.text == "pipeline"]
            return found[0] if found else HOLE
        inside = self.loops.inside(name, scope)
        if inside:
            return self._say(inside)
        headline = f"there is no `{name.text}` here"
        return self._say(unknown("NAM101", headline, name.span, "not defined", scope.visible()))

    def _named_value(self, statement: ast.Let | ast.Param, scope: Scope, name: ast.Name) -> Any:
        key = (id(statement), id(scope))
        if key not in self._values:
            if not self._enter(key, statement.name.text, name.span):
                return HOLE
            self._values[key] = self._evaluate(statement, scope)
            del self._busy[key]
        return self._values[key]

    def _evaluate(self, statement: ast.Let | ast.Param, scope: Scope) -> Any:
        if isinstance(statement, ast.Let):
            return Evaluator(self, scope).value(statement.value)
        name, kind, default = statement.name.text, statement.kind, statement.default
        default, scope = self.edits.params.get(id(statement), (default, scope))
        if kind.text not in UNIT_KINDS:
            return self._say(unknown("NAM101", f"there is no kind `{kind.text}`", kind.span, "", UNIT_KINDS))
        if default is None:
            help = (f"set it: `--set {name}=…`",)
            return self._say(letter("NAM109", f"param `{name}` has no value", statement.span, help=help))
        evaluator, holds = Evaluator(self, scope), Holds(kind=kind.text)
        return evaluator.fit(evaluator.value(default, holds), holds, default.span, name)

    def _enter(self, key: tuple[int, int], name: str, span: Span) -> bool:
        """Begin to work something out; a letter where that has begun already, or goes too deep."""
        if key in self._busy:
            ring = list(self._busy.values())[list(self._busy).index(key) :]
            notes = (" → ".join([*ring, name]),)
            self._say(letter("LIN101", f"`{name}` depends on itself", span, notes=notes))
            return False
        if len(self._busy) >= DEEPEST:
            headline = f"more than {DEEPEST} values wait for one another here"
            help = ("write the stages in the order in which they run",)
            self._say(letter("LIN109", headline, span, help=help))
            return False
        self._busy[key] = name
        return True

    def _say(self, diagnostic: Diagnostic) -> Any:
        self.letters.append(diagnostic)
        return HOLE

    # ---- blocks ------------------------------------------------------------------------

    def block(self, address: str) -> Block | None:
        """The block at an address, built when first asked for; None where it failed."""
        if address not in self.blocks:
            if address not in self._places:
                return None
            statement, scope = self._places[address]
            key, name = (id(statement), id(scope)), name_of(statement)
            if not self._enter(key, address, name.span):
                return None
            made, required = self._build(statement, scope, address)
            self.blocks[address] = made
            del self._busy[key]
            if made and required:  # a gate may read the block that it stands in
                self.blocks[address] = made.replaced(gates=self._gates(made, required))
        return self.blocks[address]

    def _build(self, statement: ast.Block, scope: Scope, address: str) -> tuple[Block | None, Body]:
        """The block without its gates, and the statements of those."""
        kind = statement.kind
        schema = KINDS.get(kind.text)
        if schema is None:
            headline = f"there is no block kind `{kind.text}`"
            self._say(unknown("NAM103", headline, kind.span, "", (*KINDS, "profile")))
            return None, []
        filler = Filler(self, f"{kind.text} {name_of(statement).text}")
        body, header = self._bodies.body(statement, scope), statement.header or kind.span
        if body is None:
            return None, []
        own: Body = [(part, where) for part, where in body if not isinstance(part, ast.Require)]
        required: Body = [(part, where) for part, where in body if isinstance(part, ast.Require)]
        extra = {"address": address, "doc": statement.doc}
        if schema.any_field is None:
            made = filler.fill(schema, own, header, extra)
            return (made if isinstance(made, Block) else None), required
        shares = filler.shares(schema.any_field, own)
        if shares is None:
            return None, required
        return schema(**extra, shares=shares[0], spans=shares[1], header=header), required

    def _gates(self, block: Block, required: Body) -> tuple[Gate, ...]:
        if block.kind not in (*MODELS, "reward"):
            headline = f"a {block.kind} is not measured, so it requires nothing"
            self._say(letter("NAM110", headline, required[0][0].span))
            return ()
        profiles_own = {id(edit.statement) for edits in self.edits.blocks.values() for edit in edits}
        return gates(required, block, self, profiles_own)
