"""Which edition of its code each step of a plan stands for.

A stage whose code came to give other results has a new edition, and so its steps have
new addresses.  What was finished with an older one is kept: the step, and all that
follow from it, stand for the edition whose result is there.  `--force` repeats it.
"""

from __future__ import annotations

from collections.abc import Callable, Set

from .fingerprint import fingerprint
from .model import Plan, Step


def settle(plan: Plan, present: Callable[[str], bool], force: Set[str] = frozenset()) -> Plan:
    """The plan with every step at the newest edition whose artifact is there, or else at the code's own."""
    prints: dict[str, str] = {}
    steps: list[Step] = []
    for step in plan.steps:
        inputs = {role: prints[name] for role, name in step.inputs.items()}
        found = _at(step, step.work.edition, inputs)
        for edition in () if step.address in force else range(step.work.edition, 0, -1):
            older = _at(step, edition, inputs)
            if present(older.fingerprint):
                found = older
                break
        prints[step.address] = found.fingerprint
        steps.append(found)
    return plan.model_copy(update={"steps": tuple(steps)})


def _at(step: Step, edition: int, inputs: dict[str, str]) -> Step:
    work = step.work.model_copy(update={"edition": edition})
    return step.model_copy(update={"work": work, "fingerprint": fingerprint(work, inputs)})
