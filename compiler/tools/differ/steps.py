"""What two plans do otherwise, and what becomes of every step."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby

from ...plan.compare import Decision, Past, decide, differences
from ...plan.model import Phase, Plan, Step, TrainedWork
from ...plan.summary import rate, share
from ...units import digits
from .model import Action, Change, Consequence, Subject

NEW = "it is new"
"""Because of what a step that the other plan does not have comes to another result."""


def consequences(before: Plan, after: Plan, now: Sequence[Decision]) -> Iterator[Consequence]:
    """Every step of the plan after the change, then those that it no longer has.

    `now` is what a run of that plan would do with what has been done.
    """
    prints = {step.address: step.fingerprint for step in before.steps}
    known = set(prints.values())
    fates = {one.step.address: one for one in now}
    for one in decide(after, Past(before, prints, known.__contains__)):
        step, address = one.step, one.step.address
        met = fates.get(address)
        because = one.because or one.note or (NEW if one.action == "run" else "")
        if one.action == "keep" and met and met.action == "again":
            because = met.because
        fate = "orphan" if one.action == "orphan" else met.action if met else "run"
        yield Consequence(
            address=address, kind=step.work.kind, another=one.action != "keep", because=because, fate=fate
        )


def subjects(before: Plan, after: Plan) -> Iterator[Subject]:
    """The steps whose work differs.  A plan no longer knows what was written and what followed."""
    old = {step.address: step for step in before.steps}
    now = {step.address for step in after.steps}
    gone = {step.fingerprint: step.address for step in before.steps if step.address not in now}
    for step in after.steps:
        was = "" if step.address in old else gone.pop(step.fingerprint, "")
        former = old.get(was or step.address)
        changes = tuple(_changes(former, step)) if former else ()
        action: Action = "added" if former is None else "renamed" if was else "changed"
        if changes or action != "changed":
            yield _subject(action, step, was, changes)
    for address in gone.values():
        yield _subject("removed", old[address])


def _subject(action: Action, step: Step, was: str = "", changes: tuple[Change, ...] = ()) -> Subject:
    return Subject(
        action=action, kind=step.work.kind, address=step.address, was=was, origin=step.origin, changes=changes
    )


def _changes(before: Step, after: Step) -> Iterator[Change]:
    """Fields of the work that differ; of a course what it comes to, and where its phases lie."""
    one, other = _course(before), _course(after)
    both = bool(one and other)
    for name in dict.fromkeys([*one, *other]) if both else ():
        is_told = name != "phases" or " + " in one["phases"] + other["phases"]
        if one.get(name) != other.get(name) and is_told:
            yield Change(
                field=name, before=one.get(name), after=other.get(name), grown=_grown(name, before, after),
                follows=name == "steps" and one["tokens"] != other["tokens"],
            )  # fmt: skip
    for change in differences(before, after):
        if change.field.split("[")[0] not in (("phases", "lr") if both else ()):
            yield Change(field=change.field, before=change.before, after=change.after)


def _course(step: Step) -> Mapping[str, str]:
    """What a stage's phases come to, each on one line."""
    work = step.work
    if not isinstance(work, TrainedWork) or work.open:
        return {}
    found = {
        "tokens": digits(work.tokens),
        "steps": digits(work.steps),
        "phases": " + ".join(digits(one.steps) for one in work.phases),
        "context": _along(work.phases, lambda one: digits(one.context)),
        "sequences": _along(work.phases, lambda one: digits(one.sequences)),
        "lr": rate(work.lr),
    }
    for name in dict.fromkeys(name for one in work.phases for name in one.shares):
        found[f"shares.{name}"] = _along(
            work.phases, lambda one, name=name: share(one.shares[name]) if name in one.shares else "0%"
        )
    return found


def _along(phases: Sequence[Phase], told: Callable[[Phase], str]) -> str:
    """A value of every phase, said once while it holds still."""
    return " -> ".join(value for value, _ in groupby(map(told, phases)))


def _grown(name: str, before: Step, after: Step) -> float | None:
    if (
        name != "tokens"
        or not isinstance(before.work, TrainedWork)
        or not isinstance(after.work, TrainedWork)
    ):
        return None
    return after.work.tokens / before.work.tokens - 1 if before.work.tokens else None
