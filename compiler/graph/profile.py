"""Profiles: what each edits, and by how much it scales.

Comes after `names`.  Edits go into the spec before it is evaluated; `scale`
then shrinks the blocks that came of it, so that expressions only ever see full
scale and every value is scaled once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction

from ..diagnostics.diagnostic import Diagnostic
from ..front import ast
from ..text import Span
from ..units import KINDS, STEPS, Misfit, Quantity, settle
from .edits import Edits
from .evaluate import Evaluator, World
from .letters import letter, misfit, unknown
from .names import Scope
from .values import HOLE

SCALABLE = ("tokens", "context", "batch", "steps", "examples", "params", "flops", "bytes", "duration")


@dataclass(frozen=True, slots=True)
class Scale:
    """`scale kind by factor floor least`."""

    kind: str
    factor: Fraction
    least: Quantity | None
    span: Span


@dataclass(frozen=True, slots=True)
class Profile:
    """A profile with everything that it is like, in order: what comes later wins."""

    name: str
    header: Span
    statements: tuple[ast.Statement, ...]
    letters: list[Diagnostic] = field(default_factory=list[Diagnostic])

    def edits(self, root: Scope, settings: tuple[str, ...]) -> Edits:
        """Its `set` statements and amending blocks, and then those of the command line."""
        edits = Edits()
        for statement in self.statements:
            match statement:
                case ast.Set():
                    edits.set(statement, root)
                case ast.Block():
                    edits.amend(statement, root)
                case ast.Scale():
                    pass
                case _:
                    word = type(statement).__name__.lower()
                    headline = f"`{word}` cannot stand in a profile"
                    help = ("a profile holds `set`, `scale` and blocks that amend",)
                    self.letters.append(letter("NAM110", headline, statement.span, help=help))
        edits.settings(settings, root)
        return edits

    def scales(self, world: World, root: Scope) -> dict[str, Scale]:
        """Its `scale` lines by kind."""
        found: dict[str, Scale] = {}
        evaluator = Evaluator(world, root)
        for statement in self.statements:
            scale = _scale(statement, evaluator) if isinstance(statement, ast.Scale) else None
            if scale:
                found[scale.kind] = scale
        return found


def _scale(statement: ast.Scale, evaluator: Evaluator) -> Scale | None:
    kind, letters = statement.kind, evaluator.world.letters
    if kind.text not in SCALABLE:
        headline = f"`scale` knows no kind `{kind.text}`"
        letters.append(unknown("PRF103", headline, kind.span, "", SCALABLE))
        return None
    by = evaluator.value(statement.by)
    if not isinstance(by, Quantity):
        return (
            None if by is HOLE else _say(letters, letter("UNI103", "a number is due here", statement.by.span))
        )
    factor = settle(by, KINDS["rate"]) if not by.prefix else by
    if isinstance(factor, Misfit):
        return _say(letters, misfit(factor, statement.by.span))
    if factor.value <= 0 or factor.prefix:
        return _say(letters, letter("UNI107", "a scale is a number above 0: `by 1/1000`", statement.by.span))
    least = _floor(statement, evaluator) if statement.floor else None
    return Scale(kind.text, factor.value, least, statement.span)


def _floor(statement: ast.Scale, evaluator: Evaluator) -> Quantity | None:
    """A least length in steps, or a least value of the kind itself."""
    node = statement.floor
    assert node is not None
    letters = evaluator.world.letters
    value = evaluator.value(node)
    if not isinstance(value, Quantity):
        return None if value is HOLE else _say(letters, letter("UNI103", "a floor is a number", node.span))
    least = settle(value, KINDS["steps" if value.dims == STEPS else statement.kind.text])
    if isinstance(least, Misfit):
        return _say(evaluator.world.letters, misfit(least, node.span, "floor"))
    return least


def _say(letters: list[Diagnostic], found: Diagnostic) -> None:
    letters.append(found)


def profiles(root: Scope) -> tuple[dict[str, Profile], list[Diagnostic]]:
    """The profiles of a spec by name."""
    letters: list[Diagnostic] = []
    found = {
        name: Profile(name, _header(block), _statements(block, root, (), letters))
        for name, block in root.names.profiles.items()
    }
    return found, letters


def _header(block: ast.Block) -> Span:
    return block.header or block.kind.span


def _statements(
    block: ast.Block, root: Scope, trail: tuple[str, ...], letters: list[Diagnostic]
) -> tuple[ast.Statement, ...]:
    """A profile's statements, after those of the profile that it is like."""
    assert block.name
    if not block.like:
        return block.body
    last = block.like[-1]
    base = root.names.profiles.get(last.text) if len(block.like) == 1 else None
    if base is None:
        headline = f"there is no profile `{last.text}` to be like"
        letters.append(unknown("NAM101", headline, last.span, "", root.names.profiles))
        return block.body
    if last.text in (*trail, block.name.text):
        letters.append(letter("LIN101", f"profile `{last.text}` is like itself", last.span))
        return block.body
    return (*_statements(base, root, (*trail, block.name.text), letters), *block.body)
