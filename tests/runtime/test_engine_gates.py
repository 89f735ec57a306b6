"""Gates: measured, held, let through with a name and a reason; and what was finished stays."""

from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from errands import ORIGIN, OUT, RUN, TEXT, WORDS, files, states, without_torch
from errands import plan as plan_of
from hypothesis import given
from hypothesis import strategies as st

from lehr.compiler.plan.model import (
    Arithmetic,
    Constant,
    Count,
    Formula,
    Gate,
    Measure,
    Plan,
    Step,
)
from lehr.runtime.engine import walk
from lehr.runtime.engine.events import Event
from lehr.runtime.engine.gates import exactly, judged, number, value
from lehr.runtime.engine.ledger import read
from lehr.runtime.engine.passing import let_through
from lehr.runtime.engine.status import status
from lehr.runtime.errors import Held, Refusal, StageError
from lehr.runtime.stages.room import Facts, Room


def constant(number: str) -> Constant:
    return Constant(value=Fraction(number))


def gate(op: Any, left: Formula, right: Formula, **more: Any) -> Gate:
    told = {"stage": "words", "name": "words", "at": "end", "steps": (), "end": True, "inputs": {}}
    told |= {"within": Fraction(0), "enforced": True, "text": "words.words >= 200", "origin": ORIGIN}
    return Gate(op=op, left=left, right=right, **{**told, **more})


COUNTED = Count(of="words", what="words")
"""120, as the errand of the name counts them."""
STRICT = gate(">=", COUNTED, constant("200"))


def gated(*gates: Gate) -> Plan:
    return plan_of().model_copy(update={"gates": gates})


# ---- arithmetic ------------------------------------------------------------------------


def nothing(one: Measure | Count) -> Fraction:
    raise AssertionError(one)


@given(st.fractions(), st.fractions(), st.sampled_from("+-*/"))
def test_formulas_are_worked_out_exactly(left: Fraction, right: Fraction, op: Any):
    formula = Arithmetic(op=op, left=Constant(value=left), right=Constant(value=right))
    if op == "/" and right == 0:
        with pytest.raises(ZeroDivisionError):
            value(formula, nothing)
    else:
        expected = {"+": left + right, "-": left - right, "*": left * right, "/": right and left / right}
        assert value(formula, nothing) == expected[op]


@pytest.mark.parametrize(
    ("op", "left", "within", "met"),
    [
        ("==", "1", "0", True),
        ("==", "99/100", "1/100", True),
        ("==", "98/100", "1/100", False),
        ("!=", "99/100", "1/100", False),
        (">=", "99/100", "0", False),
        (">=", "99/100", "1/100", True),
        ("<=", "101/100", "1/100", True),
        ("<", "1", "0", False),
        (">", "1", "0", False),
    ],
)
def test_a_tolerance_is_a_share_of_the_right_side(op: str, left: str, within: str, met: bool):
    found = judged(gate(op, constant(left), constant("1"), within=Fraction(within)), None, nothing)
    assert found.met is met


@given(st.integers(1, 5000), st.integers(0, 5000))
def test_a_share_that_came_as_a_float_is_meant_exactly(asked: int, right: int):
    assert exactly(min(right, asked) / asked) == Fraction(min(right, asked), asked)


def test_a_division_by_nothing_meets_no_gate():
    formula = Arithmetic(op="/", left=constant("1"), right=constant("0"))
    found = judged(gate("<=", formula, constant("1")), None, nothing)
    assert (found.met, found.left, number(found)) == (False, None, "cannot be worked out: it divides by zero")


@pytest.mark.parametrize(
    ("text", "left", "right", "told"),
    [
        ("needle == 100%", "2/5", "1", "measured 40%"),
        ("short >= old.scores.short", "1/8", "1/4", "measured 0.125 against 0.25"),
        ("loss <= 3.2", "13/4", "16/5", "measured 3.25"),
    ],
)
def test_numbers_are_told_as_the_gate_writes_them(text: str, left: str, right: str, told: str):
    assert number(judged(gate("==", constant(left), constant(right), text=text), None, nothing)) == told


# ---- at the end of a stage -------------------------------------------------------------


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[Event]:
    without_torch(monkeypatch)
    return []


def told(said: list[Event], event: str) -> list[tuple[str, Any]]:
    return [(one.step, one.facts.get("met", one.facts.get("because"))) for one in said if one.event == event]


def test_a_gate_that_is_met_is_written_down_and_says_nothing_the_second_time(
    said: list[Event], tmp_path: Path
):
    plan = gated(gate("==", COUNTED, constant("120")))
    ledger = walk.run(plan, said.append, tmp_path)
    assert told(said, "gate") == [("words", True)]
    (found,) = ledger.entries["words"].gates
    assert (found.left, found.right, found.met, found.after) == (120.0, 120.0, True, None)
    said.clear()
    serial = ledger.serial
    assert walk.run(plan, said.append, tmp_path).serial == serial
    assert {one.event for one in said} == {"kept"}


def test_a_gate_that_is_not_met_holds_the_stage_and_keeps_what_it_made(said: list[Event], tmp_path: Path):
    with pytest.raises(Held) as held:
        walk.run(gated(STRICT), said.append, tmp_path)
    error = held.value
    assert (error.code, error.exit_code, error.step, error.origin) == ("RUN150", 6, "words", ORIGIN)
    assert error.headline == "`words` does not pass its gate at the end: measured 120"
    assert states(tmp_path) == {"text": "done", "words": "held"}
    assert (tmp_path / "runs/artifacts" / WORDS.fingerprint / "manifest.json").is_file()
    found = {step.address: step for step in status(tmp_path / RUN).steps}
    assert found["words"].state == "held"
    assert found["words"].because == "words.words >= 200: measured 120"
    assert found["out"].state == "to come"


def test_a_held_run_is_held_again_and_runs_nothing_twice(said: list[Event], tmp_path: Path):
    for _ in range(2):
        said.clear()
        with pytest.raises(Held):
            walk.run(gated(STRICT), said.append, tmp_path)
    assert told(said, "started") == []
    assert told(said, "held") == [("words", "words.words >= 200: measured 120")]


def test_a_gate_that_the_spec_no_longer_has_holds_nothing(said: list[Event], tmp_path: Path):
    with pytest.raises(Held):
        walk.run(gated(STRICT), said.append, tmp_path)
    ledger = walk.run(gated(), said.append, tmp_path)
    assert {entry.state for entry in ledger.entries.values()} == {"done"}
    assert ledger.entries["words"].gates == []


def test_a_gate_that_is_let_through_is_passed_by_someone_for_a_reason(said: list[Event], tmp_path: Path):
    plan = gated(STRICT)
    with pytest.raises(Held):
        walk.run(plan, said.append, tmp_path)
    let_through(plan, tmp_path / RUN, ["words"], "the count is broken")
    ledger = walk.run(plan, said.append, tmp_path)
    assert states(tmp_path) == {"text": "done", "words": "done", "out": "done"}
    (passed,) = ledger.passes
    assert (passed.stage, passed.gate, passed.why) == ("words", STRICT.text, "the count is broken")
    assert "@" in passed.who
    assert passed.when.endswith("+00:00")
    assert said[-3].facts["passed"] == f"{passed.who}: the count is broken"
    assert read(tmp_path / RUN) == ledger


def test_a_pass_is_for_the_model_that_was_measured_and_for_no_other(said: list[Event], tmp_path: Path):
    plan = gated(STRICT)
    with pytest.raises(Held):
        walk.run(plan, said.append, tmp_path)
    let_through(plan, tmp_path / RUN, ["words"], "this once")
    other = WORDS.model_copy(update={"fingerprint": "0" * 64})
    with pytest.raises(Held):
        walk.run(plan_of(TEXT, other, OUT).model_copy(update={"gates": (STRICT,)}), said.append, tmp_path)


@pytest.mark.parametrize(
    ("name", "why", "headline"),
    [
        ("wards", "a reason", "no gate called `wards` holds this run"),
        ("words", "  ", "a gate is passed for a reason"),
    ],
)
def test_only_what_holds_the_run_is_let_through(
    said: list[Event], tmp_path: Path, name: str, why: str, headline: str
):
    plan = gated(STRICT)
    with pytest.raises(Held):
        walk.run(plan, said.append, tmp_path)
    before = read(tmp_path / RUN)
    with pytest.raises(Refusal, match=headline) as refused:
        let_through(plan, tmp_path / RUN, [name], why)
    assert refused.value.code == "RUN153"
    assert read(tmp_path / RUN) == before


def test_a_run_that_nothing_holds_has_nothing_to_pass(said: list[Event], tmp_path: Path):
    walk.run(gated(), said.append, tmp_path)
    with pytest.raises(Refusal, match="no gate holds this run"):
        let_through(gated(), tmp_path / RUN, ["words"], "why not")


def test_all_gates_of_a_moment_are_measured_before_one_holds(said: list[Event], tmp_path: Path):
    more = gate("<=", COUNTED, constant("5"), name="few", text="words.words <= 5")
    with pytest.raises(Held) as held:
        walk.run(gated(STRICT, more), said.append, tmp_path)
    assert told(said, "gate") == [("words", False)] * 2
    assert held.value.notes[0] == "nor this one: words.words <= 5: measured 120"
    let_through(gated(STRICT, more), tmp_path / RUN, ["words"], "one of the two")
    with pytest.raises(Held, match="measured 120"):
        walk.run(gated(STRICT, more), said.append, tmp_path)
    let_through(gated(STRICT, more), tmp_path / RUN, ["few"], "and the other")
    walk.run(gated(STRICT, more), said.append, tmp_path)


def test_what_is_not_enforced_is_measured_told_and_passed(said: list[Event], tmp_path: Path):
    ledger = walk.run(gated(STRICT.model_copy(update={"enforced": False})), said.append, tmp_path)
    assert told(said, "gate") == [("words", False)]
    assert ledger.entries["words"].gates[0].met is False
    assert states(tmp_path)["out"] == "done"


def test_a_count_that_no_step_tells_is_a_letter(said: list[Event], tmp_path: Path):
    asks = gate(">=", Count(of="words", what="answers"), constant("1"))
    with pytest.raises(StageError, match="`words` does not tell its `answers`") as failed:
        walk.run(gated(asks), said.append, tmp_path)
    assert failed.value.code == "RUN157"


@pytest.mark.parametrize(
    ("wrong", "headline"),
    [
        (STRICT.model_copy(update={"stage": "gone"}), "asks for what is not in the plan"),
        (
            gate(">=", Measure(model="words", bench="b", step="b(words)"), constant("1")),
            "asks for what is not in the plan",
        ),
        (
            STRICT.model_copy(update={"steps": (1,), "inputs": {"tokenizer": "out"}}),
            "reads what comes after it",
        ),
    ],
)
def test_a_gate_that_does_not_fit_its_plan_is_refused(
    said: list[Event], tmp_path: Path, wrong: Gate, headline: str
):
    with pytest.raises(Refusal, match=headline) as refused:
        walk.run(gated(wrong), said.append, tmp_path)
    assert refused.value.code == "RUN113"
    assert files(tmp_path) == {}


def test_a_step_that_fails_says_why_in_the_status(
    said: list[Event], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def fails(step: Step, inputs: Mapping[str, Path], room: Room) -> Facts:
        raise StageError("RUN101", "stage-failed", "it rains")

    without_torch(monkeypatch, tokenizer=fails)
    with pytest.raises(StageError):
        walk.run(gated(STRICT), said.append, tmp_path)
    found = {step.address: step for step in status(tmp_path / RUN).steps}
    assert (found["words"].state, found["words"].because) == ("failed", "it rains")
