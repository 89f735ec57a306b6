"""A plan against what a run has done, or against another plan: what is kept, what runs, and because of what."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass
from typing import Any, Literal, cast

from .model import Plan, Step

Action = Literal["run", "keep", "again", "orphan"]
Reason = Literal["spec", "input", "missing", "altered", "edition", "forced", "renamed", ""]


@dataclass(frozen=True, slots=True)
class Change:
    """A field of a step's work that is not what it was; None where it was or is not there."""

    field: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class Decision:
    """What will become of a step, because of what (empty where it simply has not run), and a note on what is kept.

    An orphan is a step of the run that the plan no longer has; `step` is as it was then.
    """

    step: Step
    action: Action
    reason: Reason = ""
    because: str = ""
    changes: tuple[Change, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True)
class Past:
    """What a run has done: the plan that it followed last, and the fingerprint with which each address was finished.

    `present` says whether an artifact is there, `altered` whether it is no longer what it was.
    """

    plan: Plan | None
    recorded: Mapping[str, str]
    present: Callable[[str], bool]
    altered: Callable[[str], bool] = lambda _: False


def decide(
    plan: Plan, past: Past, current: Plan | None = None, force: Set[str] = frozenset()
) -> list[Decision]:
    """A decision for each step of a settled plan, then the orphans.

    `current` is the plan before it was settled, which knows the editions of the code.
    """
    newest = {step.address: step.work.edition for step in (current or plan).steps}
    former = {step.address: step for step in past.plan.steps} if past.plan else {}
    names = {fingerprint: address for address, fingerprint in past.recorded.items()}
    known = {step.address for step in plan.steps}
    decisions: dict[str, Decision] = {}
    for step in plan.steps:
        if step.address in force and past.present(step.fingerprint):
            decisions[step.address] = Decision(step, "again", "forced", "forced")
        elif past.present(step.fingerprint):
            decisions[step.address] = _kept(step, past, newest[step.address], names, known)
        else:
            decisions[step.address] = _runs(step, past, former.get(step.address), decisions)
    orphans = [
        Decision(former[address], "orphan")
        for address in past.recorded
        if address not in known and address in former and past.recorded[address] not in _prints(plan)
    ]
    return [*decisions.values(), *orphans]


def _prints(plan: Plan) -> set[str]:
    return {step.fingerprint for step in plan.steps}


def _kept(step: Step, past: Past, newest: int, names: Mapping[str, str], known: Set[str]) -> Decision:
    if past.altered(step.fingerprint):
        return Decision(step, "again", "altered", "its artifact was altered")
    notes: list[str] = []
    was = names.get(step.fingerprint)
    if was and was != step.address and was not in known:
        notes.append(f"renamed from {was}")
    if step.work.edition < newest:
        notes.append(
            f"made by edition {step.work.edition} of `{step.work.kind}`, now {newest}; `--force` repeats it"
        )
    return Decision(
        step, "keep", "renamed" if was and notes and was not in known else "", note="; ".join(notes)
    )


def _runs(step: Step, past: Past, before: Step | None, decisions: Mapping[str, Decision]) -> Decision:
    done = past.recorded.get(step.address)
    if done is None:
        return Decision(step, "run")
    if done == step.fingerprint:
        return Decision(step, "again", "missing", "its artifact is missing")
    changes = differences(before, step) if before else ()
    if changes:
        fields = _listed(list(dict.fromkeys(change.field.split(".")[0].split("[")[0] for change in changes)))
        place = f"{step.origin.path}, line {step.origin.line}"
        return Decision(step, "again", "spec", f"{fields} changed ({place})", changes)
    if before and before.work.edition != step.work.edition:
        told = f"its code changed (edition {before.work.edition} → {step.work.edition})"
        return Decision(step, "again", "edition", told)
    moved = [name for name in step.inputs.values() if decisions[name].action != "keep"]
    if moved:
        return Decision(step, "again", "input", f"its input `{moved[0]}` runs again")
    return Decision(step, "again", "input", _other_inputs(before, step))


def _other_inputs(before: Step | None, step: Step) -> str:
    roles = [role for role in step.inputs if before is None or before.inputs.get(role) != step.inputs[role]]
    if before is None or not roles:
        return "its inputs changed"
    role = roles[0]
    return f"its {role.split(':')[0]} is `{step.inputs[role]}` and was `{before.inputs.get(role, 'none')}`"


def _listed(fields: list[str]) -> str:
    named = [f"`{field}`" for field in fields]
    return " and ".join([", ".join(named[:-1]), named[-1]] if len(named) > 1 else named)


# ---- field by field ------------------------------------------------------------------


def differences(before: Step, after: Step) -> tuple[Change, ...]:
    """Fields of the work that differ, the edition aside, by their path: `phases[2].context`."""
    old, new = _flat(before.work.model_dump(mode="json")), _flat(after.work.model_dump(mode="json"))
    return tuple(
        Change(path, old.get(path), new.get(path))
        for path in dict.fromkeys([*old, *new])
        if path != "edition" and old.get(path) != new.get(path)
    )


def _flat(value: Any, path: str = "") -> dict[str, str]:
    if isinstance(value, dict):
        inside = cast("dict[str, Any]", value).items()
        parts = [(f"{path}.{name}" if path else name, item) for name, item in inside]
    elif isinstance(value, list):
        parts = [(f"{path}[{place}]", item) for place, item in enumerate(cast("list[Any]", value))]
    else:
        return {
            path: "none" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
        }
    return {inner: told for name, item in parts for inner, told in _flat(item, name).items()}


# ---- a saved plan against the world ------------------------------------------------------


def stale(plan: Plan, run: str | None, serial: int | None, present: Callable[[str], bool]) -> list[str]:
    """Why a saved plan no longer stands: what its run has done since, and what it kept and is gone."""
    world = plan.world
    if world is None:
        return []
    found: list[str] = []
    if world.run != run:
        was = "had not begun" if world.run is None else "was another one"
        found.append(f"{plan.run} {was} when the plan was made")
    elif world.serial != serial:
        found.append(f"{plan.run} went on since the plan was made")
    gone = [
        step.address
        for step in plan.steps
        if step.fingerprint in world.kept and not present(step.fingerprint)
    ]
    return found + [
        f"`{address}` was done when the plan was made, and its artifact is gone" for address in gone
    ]
