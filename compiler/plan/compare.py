"""A plan against what a run has done: what is kept, what runs, and why."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from .model import Plan, Step

Action = Literal["run", "keep", "again"]


@dataclass(frozen=True, slots=True)
class Decision:
    """What will become of a step, and because of what (empty where it simply has not run)."""

    step: Step
    action: Action
    because: str = ""


def decide(
    plan: Plan, earlier: Plan | None, recorded: Mapping[str, str], present: Callable[[str], bool]
) -> list[Decision]:
    """A decision for each step.

    `earlier` is the plan that the run followed last, `recorded` the fingerprint
    with which each address was finished, `present` says whether an artifact is there.
    """
    decisions: dict[str, Decision] = {}
    for step in plan.steps:
        decisions[step.address] = _decide(step, earlier, recorded, present, decisions)
    return list(decisions.values())


def _decide(
    step: Step,
    earlier: Plan | None,
    recorded: Mapping[str, str],
    present: Callable[[str], bool],
    decisions: Mapping[str, Decision],
) -> Decision:
    if present(step.fingerprint):
        return Decision(step, "keep")
    done = recorded.get(step.address)
    if done is None:
        return Decision(step, "run")
    if done == step.fingerprint:
        return Decision(step, "again", "its artifact is missing")
    moved = next((name for name in step.inputs.values() if decisions[name].action != "keep"), None)
    before = next((old for old in earlier.steps if old.address == step.address), None) if earlier else None
    if before is not None and before.work != step.work:
        return Decision(step, "again", f"{_changed(before, step)} changed (line {step.origin.line})")
    if moved:
        return Decision(step, "again", f"its input `{moved}` runs again")
    return Decision(step, "again", "its inputs changed")


def _changed(before: Step, step: Step) -> str:
    old, new = before.work.model_dump(), step.work.model_dump()
    names = [f"`{name}`" for name in new if old.get(name) != new[name]]
    return " and ".join(names) or "the spec"
