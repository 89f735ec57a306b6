"""What changed between two pipelines: what was written, what followed from it, and what would run again.

Two specs are compared as graphs, block by block; where one side is a plan, which no
longer knows what was written, both are compared as plans.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from ...graph.same import renamed
from ...plan.compare import Decision
from ...plan.model import Origin, Plan
from ..drawing import gathered, shape
from ..select import select
from . import blocks, steps
from .blocks import Reading
from .model import Change, Consequence, Difference, Subject
from .steps import NEW

__all__ = [
    "NEW",
    "Change",
    "Consequence",
    "Difference",
    "Pipeline",
    "Reading",
    "Subject",
    "difference",
    "folded",
    "folded_steps",
    "gathered",
    "missing",
    "only",
]


_NUMBER = re.compile(r"\d+")


@dataclass(frozen=True, slots=True)
class Pipeline:
    """One side: what it is called, its plan, and its spec where there is one."""

    name: str
    plan: Plan
    reading: Reading | None = None


def difference(before: Pipeline, after: Pipeline, now: Sequence[Decision]) -> Difference:
    """All that differs, every turn of a loop by itself; `now` is what a run of the second plan would do."""
    if before.reading and after.reading:
        names = renamed(before.reading.graph, after.reading.graph)
        found = blocks.subjects(before.reading, after.reading, names)
    else:
        found = steps.subjects(before.plan, after.plan)
    return Difference(
        before=before.name,
        after=after.name,
        profile=after.plan.profile,
        subjects=tuple(sorted(found, key=lambda one: one.follows)),
        steps=tuple(steps.consequences(before.plan, after.plan, now)),
    )


def missing(before: str, after: str, profile: str, is_new: bool) -> Difference:
    """A spec that only one side has."""
    action, path = ("added", after) if is_new else ("removed", before)
    gone = Subject(action=action, kind="spec", address=path, origin=Origin(path=path, line=1, column=1))
    return Difference(before=before, after=after, profile=profile, subjects=(gone,), steps=())


def only(
    whole: Difference, sides: Iterable[Pipeline], wanted: Sequence[str], exclude: Sequence[str]
) -> Difference:
    """The part that terms choose: blocks and steps of either side, in the state in which the second leaves them."""
    inputs: dict[str, Collection[str]] = {}
    kinds: dict[str, str] = {}
    for side in sides:
        for step in side.plan.steps:
            inputs[step.address], kinds[step.address] = sorted(set(step.inputs.values())), step.work.kind
        for address, block in (side.reading.graph.blocks if side.reading else {}).items():
            inputs[address] = sorted({*inputs.get(address, ()), *block.needs()})
            kinds[address] = block.kind
    chosen = select(wanted, exclude, inputs, kinds, _states(whole, inputs))
    return whole.model_copy(
        update={
            "subjects": tuple(one for one in whole.subjects if one.address in chosen),
            "steps": tuple(one for one in whole.steps if one.address in chosen),
        }
    )


def _states(whole: Difference, addresses: Iterable[str]) -> Mapping[str, str]:
    """What changed, by itself or through what it reads; what is new, and what stays as it was."""
    found = dict.fromkeys(addresses, "done")
    found |= {one.address: "changed" for one in whole.steps if one.another}
    words = {"added": "new", "changed": "changed"}
    return found | {one.address: words[one.action] for one in whole.subjects if one.action in words}


def folded(subjects: Iterable[Subject]) -> list[Subject]:
    """One subject for the turns of a loop that changed alike; what only follows may come to other numbers."""
    alike: dict[object, list[Subject]] = {}
    for one in subjects:
        fields = tuple(change.field for change in one.changes)
        said = (
            () if one.follows else tuple(shape(f"{change.before} {change.after}") for change in one.changes)
        )
        alike.setdefault((one.action, one.kind, shape(one.address), shape(one.was), fields, said), []).append(
            one
        )
    return [_one(same) for same in alike.values()]


def _one(same: list[Subject]) -> Subject:
    first, last = same[0], same[-1]
    changes = tuple(_between(*pair) for pair in zip(first.changes, last.changes, strict=True))
    told = {
        "address": gathered([one.address for one in same])[0],
        "was": gathered([one.was for one in same])[0],
    }
    return first.model_copy(update={**told, "changes": changes})


def _between(first: Change, last: Change) -> Change:
    """A change of the first turn and of the last as one."""
    pairs = ((first.before, last.before), (first.after, last.after))
    before, after = (one if one == other else f"{one} … {other}" for one, other in pairs)
    grown = first.grown if first == last else None
    return first.model_copy(update={"before": before, "after": after, "grown": grown})


def folded_steps(found: Iterable[Consequence]) -> list[list[Consequence]]:
    """Steps that differ by a number only, and have one fate because of one thing."""
    alike: dict[object, list[Consequence]] = {}
    for one in found:
        key = (one.kind, _NUMBER.sub("#", f"{one.address} {one.because}"), one.another, one.fate)
        alike.setdefault(key, []).append(one)
    return list(alike.values())
