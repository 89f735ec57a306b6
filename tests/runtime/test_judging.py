"""Judges: checks, programs of the user's and unit tests, and how each fails."""

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from rooms import desk

from lehr.compiler.plan.files import file
from lehr.compiler.plan.model import Checker, Command, LabelWork, Origin, Step
from lehr.runtime.errors import StageError
from lehr.runtime.parts.judging.asked import Asked
from lehr.runtime.parts.judging.child import Failed, Limits
from lehr.runtime.parts.judging.command import command
from lehr.runtime.parts.judging.door import judge_of
from lehr.runtime.parts.judging.unit_tests import passes

STEP = Step(
    address="tries",
    fingerprint="0" * 64,
    inputs={},
    work=LabelWork(people=None, oracle=None, question=""),
    origin=Origin(path="x.lehr", line=1, column=1),
)


@dataclass(frozen=True)
class Turn:
    role: str
    content: str


@dataclass(frozen=True)
class Prompt:
    id: str = "p"
    messages: tuple[Turn, ...] = (Turn("user", "the last of q w e is"),)
    meta: dict[str, Any] = field(default_factory=dict[str, Any])


def asked(said: str, ended: bool = True, **meta: Any) -> Asked:
    return Asked(Prompt(meta=meta), said, ended)


def scores(name: Any, *given: Asked, tmp_path: Path) -> list[float]:
    return judge_of(STEP, Checker(name=name), {}, desk(tmp_path / "room"))(given)


# ---- checks ------------------------------------------------------------------------------------


def test_an_exact_answer_is_worth_one_and_a_wrong_one_a_share_of_its_words(tmp_path: Path):
    given = [
        asked("q w e .", answer="q w e ."),
        asked(" q w e", answer="q w e"),
        asked("q x e", answer="q w e"),
    ]
    given += [asked("", answer="q"), asked("q w e", ended=False, answer="q w e"), asked("7", answer=7)]
    assert scores("exact_answer", *given, tmp_path=tmp_path) == [1.0, 1.0, 0.3 * 2 / 3, 0.0, -0.5, 1.0]


def test_contains_looks_for_whole_words(tmp_path: Path):
    given = [asked(text, answer="1 2") for text in ("it is 1 2, I say", "it is 11 2", "1 2", "2 1")]
    assert scores("contains", *given, tmp_path=tmp_path) == [1.0, 0.0, 1.0, 0.0]


def test_well_formed_is_what_the_prompt_asks_for(tmp_path: Path):
    given = [
        *(asked(text) for text in ("fine (as is)", "odd (", "", "\ufffd", "```\nx")),
        *(asked(text, format="json") for text in ('{"a": 1}', "{")),
        *(asked(text, format="number") for text in ("12.", "twelve")),
        *(asked(text, format="word") for text in ("one", "one two")),
    ]
    assert scores("well_formed", *given, tmp_path=tmp_path) == [1, 0, 0, 0, 0, 1, 0, 1, 0, 1, 0]


def test_shorter_is_better(tmp_path: Path):
    short, long, cut = scores(
        "shorter", asked("a"), asked("a" * 200), asked("", ended=False), tmp_path=tmp_path
    )
    assert short > long > 0 > cut


def test_a_prompt_without_its_truth_is_a_letter(tmp_path: Path):
    with pytest.raises(StageError) as caught:
        scores("exact_answer", asked("q"), tmp_path=tmp_path)
    assert (caught.value.code, caught.value.step) == ("RUN220", "tries")


# ---- unit tests --------------------------------------------------------------------------------


def test_code_passes_its_tests_or_fails_within_limits():
    tests = "assert add(1, 2) == 3"
    assert passes("Here:\n```python\ndef add(a, b):\n    return a + b\n```\nDone.", tests)
    assert not passes("def add(a, b): return a - b", tests)
    assert not passes("import sys\ndef add(a, b): return 3\nsys.exit(0)", tests)  # it never came to the tests
    assert not passes("while True: pass", tests, Limits(seconds=0.5, memory=1 << 28))
    assert not passes("x = bytearray(1 << 30)\ndef add(a, b): return 3", tests)


# ---- programs ----------------------------------------------------------------------------------


def grader(folder: Path, body: str) -> Path:
    path = folder / "grade.py"
    path.write_text(f"import json, sys, time\nrows = [json.loads(line) for line in sys.stdin]\n{body}\n")
    return path


def test_a_program_scores_every_answer(tmp_path: Path):
    grader(
        tmp_path, "for row in rows: print(json.dumps({'score': len(row['answer']) + row['meta']['more']}))"
    )
    work = Command(program=file("grade.py", tmp_path))
    judge = judge_of(STEP, work, {}, desk(tmp_path / "room", root=tmp_path))
    assert judge([asked("ab", more=1), asked("é", more=0.5)]) == [3.0, 1.5]
    assert judge([]) == []


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("print(1)", "wrote 1 scores for 2 answers"),
        ("print(1); print('NaN')", "line 2 of its scores holds NaN"),
        ("print(1); print('[')", "line 2 of its scores is no JSON"),
        ("print(1); print('true')", "line 2 of its scores is no finite number: true"),
        ("sys.exit('I will not')", "ended with status 1"),
        ("time.sleep(60)", "took longer than 0.5 seconds"),
        ("x = bytearray(1 << 30)", "ended with status 1"),
    ],
)
def test_a_program_that_fails_is_named_with_how_it_failed(tmp_path: Path, body: str, why: str):
    judge = command(grader(tmp_path, body), tmp_path, Limits(seconds=0.5, memory=1 << 28))
    began = time.monotonic()
    with pytest.raises(Failed, match=why.replace("[", r"\[")):
        judge([asked("a"), asked("b")])
    assert time.monotonic() - began < 20


def test_a_failed_program_is_a_letter_with_what_it_said(tmp_path: Path):
    grader(tmp_path, "sys.exit('I will not')")
    judge = judge_of(
        STEP, Command(program=file("grade.py", tmp_path)), {}, desk(tmp_path / "r", root=tmp_path)
    )
    with pytest.raises(StageError) as caught:
        judge([asked("a")])
    assert (caught.value.code, caught.value.notes) == ("RUN221", ("I will not",))
