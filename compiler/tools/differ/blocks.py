"""What two specs say otherwise: blocks field by field, params, claims and profiles.

The order of the text and its layout say nothing, so they are not compared.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from ...front import ast
from ...graph.attributes import DERIVED
from ...graph.blocks.mix import Mix
from ...graph.model import Graph
from ...graph.names import Scope, name_of
from ...graph.same import Names, one_line, shares, wording
from ...graph.schema import MODELS, TRAINED, Block, Holds
from ...graph.values import HOLE
from ...graph.views import View
from ...plan.model import Origin
from ...text import Span
from ...units import Quantity
from .model import Change, Subject
from .values import Side, compare

_NOTHING = Side(None, None)
_SHOWN = {"arch": ("params", "active_params", "kv_heads", "head_dim")}
_OF_A_STAGE = ("steps", "tokens", "examples", "flops", "flops_with_attention")
"""Derived values that are compared; those of an arch at the arch, so that its models need not repeat them."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A spec as one profile reads it."""

    view: View
    graph: Graph
    root: Scope


def subjects(before: Reading, after: Reading, names: Names) -> Iterator[Subject]:
    """Everything that changed; `names` are what blocks are called now, by what they were called."""
    yield from _params(before, after, names)
    yield from _loops(before.graph, after.graph)
    yield from _blocks(before.graph, after.graph, names)
    yield from _claims(before.view, after.view)
    yield from _profiles(before.root, after.root)


def place(span: Span | None) -> Origin | None:
    return Origin(path=span.source.path, line=span.line, column=span.column) if span else None


# ---- blocks --------------------------------------------------------------------------------


def _blocks(before: Graph, after: Graph, names: Names) -> Iterator[Subject]:
    was = {now: then for then, now in names.items()}
    for address, block in after.blocks.items():
        old = before.blocks.get(was.get(address, address))
        if old is None or old.kind != block.kind:
            yield Subject(action="added", kind=block.kind, address=address, origin=place(block.header))
            continue
        changes = tuple(_fields(old, block, before, after, names))
        if address in was or changes:
            action = "renamed" if address in was else "changed"
            yield Subject(
                action=action, kind=block.kind, address=address, was=was.get(address, ""),
                origin=place(block.header), changes=changes,
            )  # fmt: skip
    for address, old in before.blocks.items():
        now = after.blocks.get(names.get(address, address))
        if now is None or now.kind != old.kind:
            yield Subject(action="removed", kind=old.kind, address=address, origin=place(old.header))


def _fields(old: Block, new: Block, before: Graph, after: Graph, names: Names) -> Iterator[Change]:
    """The fields that differ, then the gates, then what is derived."""
    for name, (_, holds) in type(new).fields().items():
        yield from compare(name, _side(old, name), _side(new, name), holds, names)
    if isinstance(old, Mix) and isinstance(new, Mix):
        yield from _shares(old, new, names)
    if type(new).steps_within:
        yield from _steps(old, new, names)
    yield from _written("require", *([gate.span for gate in block.gates] for block in (old, new)))
    one, other = (_derived(block, graph) for block, graph in ((old, before), (new, after)))
    if one.get("flops") != other.get("flops"):
        other.pop("flops_with_attention", None)
    for name in other:
        if name not in old.spans and name not in new.spans:
            yield from compare(name, Side(one.get(name), None), Side(other[name], None), Holds(), names)


def _side(block: Block, name: str) -> Side:
    return Side(block.value(name), block.spans.get(name))


def _shares(old: Mix, new: Mix, names: Names) -> Iterator[Change]:
    """The shares of a mix, by the corpora's names as they are now."""
    known = {names.get(name, name): (line, old.spans.get(name)) for name, line in shares(old).items()}
    fresh = shares(new)
    for name in dict.fromkeys([*known, *fresh]):
        before = Side(*known.get(name, (None, None)))
        yield from compare(
            name, before, Side(fresh.get(name), new.spans.get(name)), Holds(kind="ratio"), names
        )


def _steps(old: Any, new: Any, names: Names) -> Iterator[Change]:
    """The steps within a block, by their place."""
    pairs = [[*block.steps, *[None] * max(0, len(new.steps) - len(block.steps))] for block in (old, new)]
    for number, (one, other) in enumerate(zip(*pairs, strict=False), start=1):
        at = [step.header if step else None for step in (one, other)]
        called = f"{type(other or one).__name__.lower()}[{number}]"
        yield from compare(called, Side(one, at[0]), Side(other, at[1]), Holds(), names)


def _derived(block: Block, graph: Graph) -> dict[str, Any]:
    """What follows from a block's fields, as far as it is a number."""
    others = () if block.kind in MODELS and block.kind not in TRAINED else _OF_A_STAGE
    shown = _SHOWN.get(block.kind, others)
    found = {
        name: of(graph.derived, block) for name, of in DERIVED.get(block.kind, {}).items() if name in shown
    }
    if found.get("active_params") == found.get("params"):
        found.pop("active_params", None)
    return {name: value for name, value in found.items() if isinstance(value, Quantity)}


# ---- what else a spec says -------------------------------------------------------------------


def _params(before: Reading, after: Reading, names: Names) -> Iterator[Subject]:
    """Params and `let`s of the spec itself."""
    old, new = _named(before), _named(after)
    for name in dict.fromkeys([*new, *old]):
        one, other = old.get(name, _NOTHING), new.get(name, _NOTHING)
        changes = tuple(compare("", one, other, Holds(), names))
        action = "added" if name not in old else "removed" if name not in new else "changed"
        if changes or action != "changed":
            statement = (after if name in new else before).root.names.named[name]
            kind, at = type(statement).__name__.lower(), place(statement.span)
            yield Subject(action=action, kind=kind, address=name, origin=at, changes=changes)


def _named(reading: Reading) -> dict[str, Side]:
    found: dict[str, Side] = {}
    for name, statement in reading.root.names.named.items():
        if isinstance(statement, ast.Let | ast.Param):
            value = reading.view.builder.look_up(name_of(statement), reading.root)
            found[name] = Side(None if value is HOLE else value, statement.span)
    return found


def _loops(before: Graph, after: Graph) -> Iterator[Subject]:
    """Loops that turn more or less often."""
    for address, loop in after.loops.items():
        old = before.loops.get(address)
        if old and old.turns != loop.turns:
            turns = Change(field="turns", before=str(old.turns), after=str(loop.turns), follows=True)
            yield Subject(action="changed", kind=loop.word, address=address, changes=(turns,))


def _claims(before: View, after: View) -> Iterator[Subject]:
    known = [{wording(one.node.span): one.node.span for one in view.claims} for view in (before, after)]
    for text, span in known[1].items():
        if text not in known[0]:
            yield _claim("added", span)
    for text, span in known[0].items():
        if text not in known[1]:
            yield _claim("removed", span)


def _claim(action: Any, span: Span) -> Subject:
    said = one_line(span).removeprefix("expect ")
    return Subject(action=action, kind="expect", address=said, origin=place(span))


def _profiles(before: Scope, after: Scope) -> Iterator[Subject]:
    """Profiles that were written otherwise, by their statements."""
    old, new = before.names.profiles, after.names.profiles
    for name in dict.fromkeys([*new, *old]):
        one, other = old.get(name), new.get(name)
        action = "added" if one is None else "removed" if other is None else "changed"
        lines = [[line.span for line in block.body] if block else [] for block in (one, other)]
        changes = tuple(_written("", *lines)) if one and other else ()
        if changes or action != "changed":
            at = [place(block.header) for block in (other, one) if block]
            yield Subject(action=action, kind="profile", address=name, origin=at[0], changes=changes)


def _written(field: str, old: Iterable[Span], new: Iterable[Span]) -> Iterator[Change]:
    """Statements that stand on one side only."""
    known = [{wording(span): span for span in spans} for spans in (old, new)]
    for text, span in known[0].items():
        if text not in known[1]:
            yield Change(field=field, before=one_line(span), after=None)
    for text, span in known[1].items():
        if text not in known[0]:
            yield Change(field=field, before=None, after=one_line(span))
