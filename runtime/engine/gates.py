"""Gates: what a stage must pass before others go on from it.

A gate compares what benches measure.  At the end of a stage it reads the scores of `eval` steps;
on the way the training loop lets it measure the model as it stands.  What is not met holds the
stage, unless the plan does not enforce it or someone let it through (`passing`).
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from ...compiler.plan.model import (
    Arithmetic,
    Constant,
    Count,
    Formula,
    Gate,
    Measure,
    Phase,
    Plan,
    Step,
    TrainedWork,
    asked,
)
from ..errors import Held, StageError
from .ledger import Entry, Ledger, Measured

Told = Callable[[Measure | Count], Fraction]
"""What a run says to what a formula asks."""

_WORK_OUT: dict[str, Callable[[Fraction, Fraction], Fraction]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
}
_HOLDS: dict[str, Callable[[Fraction, Fraction, Fraction], bool]] = {
    "==": lambda left, right, slack: abs(left - right) <= slack,
    "!=": lambda left, right, slack: abs(left - right) > slack,
    "<=": lambda left, right, slack: left <= right + slack,
    ">=": lambda left, right, slack: left >= right - slack,
    "<": lambda left, right, slack: left < right + slack,
    ">": lambda left, right, slack: left > right - slack,
}
_FINEST = 10**9
"""A share such as 7 of 10 comes as a float and is meant exactly."""


def exactly(number: float) -> Fraction:
    return Fraction(number).limit_denominator(_FINEST)


def value(formula: Formula, told: Told) -> Fraction:
    """What a side of a gate comes to.  Raises ZeroDivisionError where it divides by nothing."""
    match formula:
        case Constant(value=constant):
            return constant
        case Arithmetic(op=op, left=left, right=right):
            return _WORK_OUT[op](value(left, told), value(right, told))
        case _:
            return told(formula)


def judged(gate: Gate, after: int | None, told: Told) -> Measured:
    """A gate measured, after some steps of its stage or (None) when that is done."""
    try:
        left, right = value(gate.left, told), value(gate.right, told)
    except ZeroDivisionError:
        return _measured(gate, after, None, None, is_met=False)
    is_met = _HOLDS[gate.op](left, right, abs(right) * gate.within)
    return _measured(gate, after, float(left), float(right), is_met)


def _measured(
    gate: Gate, after: int | None, left: float | None, right: float | None, is_met: bool
) -> Measured:
    return Measured(
        gate=gate.text,
        name=gate.name,
        after=after,
        left=left,
        right=right,
        met=is_met,
        enforced=gate.enforced,
    )


@dataclass(frozen=True)
class Keeper:
    """Judges a run's gates, and writes into its ledger what came of them."""

    plan: Plan
    ledger: Ledger
    record: Callable[[Step, Entry], None]
    say: Callable[[str, str, dict[str, Any]], None]

    def at_end(self, done: Mapping[str, Mapping[str, Any]], settled: str) -> None:
        """Judge the gates that waited for a step.  `done` are the facts of all finished steps of this walk."""
        due: dict[str, list[Gate]] = {}
        for gate in self.plan.gates:
            needed = gate.scores | {gate.stage}
            if gate.end and settled in needed and needed <= done.keys():
                due.setdefault(gate.stage, []).append(gate)
        if not any(gate.end and gate.stage == settled for gate in self.plan.gates):
            self._free(self.plan.step(settled))
        for stage, gates in due.items():
            found = [judged(gate, None, lambda one: _kept(one, done)) for gate in gates]
            self.settle(self.plan.step(stage), gates, found)

    def _free(self, step: Step) -> None:
        """What held a stage is in the spec no longer."""
        entry = self.ledger.entries[step.address]
        if entry.state == "held":
            self.record(step, entry.model_copy(update={"state": "done", "because": "", "gates": []}))

    def on_the_way(self, step: Step, done: int) -> list[Gate]:
        """The gates that a stage meets after so many steps."""
        return [gate for gate in self.plan.gates if gate.stage == step.address and done in gate.steps]

    def settle(self, step: Step, gates: Sequence[Gate], found: Sequence[Measured]) -> None:
        """Write down what was measured, and hold the stage where it has to wait."""
        entry = self.ledger.entries[step.address]
        for one in found:
            if one not in entry.gates or self._passed(step, one):
                self.say(step.address, "gate", {**one.model_dump(), "passed": self._passed(step, one)})
        kept = [
            one
            for one in entry.gates
            if (one.gate, one.after) not in {(new.gate, new.after) for new in found}
        ]
        entry = entry.model_copy(update={"gates": [*kept, *found]})
        unmet = [
            (gate, one)
            for gate, one in zip(gates, found, strict=True)
            if not one.met and one.enforced and not self._passed(step, one)
        ]
        if not unmet:
            if entry != self.ledger.entries[step.address] or entry.state == "held":
                self.record(step, entry.model_copy(update={"state": _freed(entry.state), "because": ""}))
            return
        because = "; ".join(told(one) for _, one in unmet)
        self.record(step, entry.model_copy(update={"state": "held", "because": because}))
        self.say(step.address, "held", {"because": because})
        raise _held(step, *unmet[0], others=unmet[1:])

    def _passed(self, step: Step, one: Measured) -> str | None:
        """Who let it through."""
        for passed in self.ledger.passes:
            if (passed.fingerprint, passed.gate, passed.after) == (step.fingerprint, one.gate, one.after):
                return f"{passed.who}: {passed.why}"
        return None


def _freed(state: Any) -> Any:
    return "done" if state == "held" else state


def _kept(one: Measure | Count, done: Mapping[str, Mapping[str, Any]]) -> Fraction:
    """A number from the facts of a finished step."""
    if isinstance(one, Measure):
        return exactly(done[one.step or ""]["scores"][one.bench]["value"])
    counted = done[one.of].get(one.what)
    if not isinstance(counted, int | float):
        raise StageError(
            "RUN157", "nothing-counted", f"`{one.of}` does not tell its `{one.what}`", step=one.of
        )
    return exactly(counted)


# ---- on the way ----------------------------------------------------------------------


@dataclass(frozen=True)
class Watch:
    """The gates of a stage on its way, as its room asks them."""

    keeper: Keeper
    step: Step
    artifact: Callable[[str], Path]
    facts: Callable[[str], Mapping[str, Any]]
    root: Path

    def ask(self, done: int, model: Any, save: Callable[[], None]) -> None:
        """Measure what is asked after `done` steps; first the state is saved, so that a held stage goes on there."""
        gates = self.keeper.on_the_way(self.step, done)
        if not gates:
            return
        save()
        scores = self._measure(gates, done, model)

        def told(one: Measure | Count) -> Fraction:
            if isinstance(one, Measure) and one.model == self.step.address:
                return exactly(scores[one.bench]["value"])
            of = (one.step or "") if isinstance(one, Measure) else one.of
            return _kept(one, {of: self.facts(of)})

        self.keeper.settle(self.step, gates, [judged(gate, done, told) for gate in gates])

    def _measure(self, gates: Sequence[Gate], done: int, model: Any) -> dict[str, Any]:
        from ..stages.measuring import on_the_way

        own = {
            one.bench: self.keeper.plan.benches[one.bench]
            for gate in gates
            for one in asked(gate.left, gate.right)
            if isinstance(one, Measure) and one.model == self.step.address
        }
        inputs = {role: self.artifact(name) for gate in gates for role, name in gate.inputs.items()}
        work = self.step.work
        assert isinstance(work, TrainedWork)
        before = self.artifact(self.step.inputs["model"])
        template = getattr(work, "template", None)
        inputs = {"model": before, **inputs}  # for the template that it carries
        return on_the_way(model, own, phase_of(work, done), inputs, work.rng, self.root, template, before)


def phase_of(work: TrainedWork, done: int) -> Phase:
    """What a model was trained at last after `done` steps."""
    end = 0
    for phase in work.phases:
        end += phase.steps
        if done <= end:
            return phase
    return work.phases[-1]


# ---- in words ------------------------------------------------------------------------


def told(one: Measured) -> str:
    """`house.needle == 100%: measured 40%`."""
    return f"{one.gate}: {number(one)}"


def number(one: Measured) -> str:
    """What was measured, as the gate writes its numbers."""
    if one.left is None or one.right is None:
        return "cannot be worked out: it divides by zero"
    in_percent = "%" in one.gate
    left, right = (f"{side:.4%}" if in_percent else f"{side:.6g}" for side in (one.left, one.right))
    left, right = (_short(side) for side in (left, right))
    return f"measured {left}" if right in one.gate else f"measured {left} against {right}"


def _short(text: str) -> str:
    """`40%` for `40.0000%`."""
    bare, sign = text.removesuffix("%"), "%" if text.endswith("%") else ""
    return (bare.rstrip("0").rstrip(".") if "." in bare else bare) + sign


def moment(after: int | None) -> str:
    return "at the end" if after is None else f"after step {after}"


def _held(step: Step, gate: Gate, one: Measured, others: Sequence[tuple[Gate, Measured]]) -> Held:
    waits = "what follows waits" if one.after is None else "its state is saved, and the stage waits"
    return Held(
        "RUN150",
        "gate-not-met",
        f"`{step.address}` does not pass its gate {moment(one.after)}: {number(one)}",
        notes=(*(f"nor this one: {told(other)}" for _, other in others), waits),
        help=(
            f'`lehr resume --pass {gate.name} -- "why"` lets it through and keeps who did and why',
            "or change the gate or what it measures in the spec: what is done is kept",
        ),
        step=step.address,
        origin=gate.origin,
    )
