"""Whatever ends a step, and wherever: what was finished stays, and is not made twice."""

import errno
from collections.abc import Mapping
from pathlib import Path

import pytest
from errands import PLAN, RUN, STAGES, files, step, without_torch
from errands import plan as plan_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lehr.compiler.plan.files import file
from lehr.compiler.plan.model import EvalWork, File, LoadWork, MultipleChoice, Step
from lehr.runtime.engine import walk
from lehr.runtime.engine.events import Event
from lehr.runtime.engine.status import status
from lehr.runtime.errors import Interrupted, LehrError, Refusal, StageError
from lehr.runtime.stages.editions import EDITIONS
from lehr.runtime.stages.room import Facts, Room

KINDS = {"text": "corpus", "words": "tokenizer", "out": "release"}
ENDS = (
    MemoryError("no room"),
    RuntimeError("a fault of ours"),
    OSError(errno.ENOSPC, "No space left on device", "somewhere"),
    OSError(errno.EIO, "Input/output error"),
    ZeroDivisionError(),
    UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid"),
    KeyboardInterrupt(),
    SystemExit(1),
    StageError("RUN101", "stage-failed", "it rains"),
    Interrupted("stopped"),
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    ends=st.lists(st.tuples(st.sampled_from(sorted(KINDS)), st.sampled_from(ENDS)), min_size=1, max_size=4)
)
def test_nothing_finished_is_lost(
    tmp_path_factory: pytest.TempPathFactory, ends: list[tuple[str, BaseException]]
):
    root, said = tmp_path_factory.mktemp("run"), list[Event]()
    with pytest.MonkeyPatch.context() as patch:
        without_torch(patch)
        for name, error in ends:
            without_torch(patch, **{KINDS[name]: failing(KINDS[name], error)})
            if ending(root, said):
                found = {one.address: one for one in status(root / RUN).steps}
                assert found[name].state in ("failed", "stopped")
        without_torch(patch)
        walk.run(PLAN, said.append, root)
        whole = root / "whole"
        walk.run(PLAN, root=whole)
    assert files(root) == files(whole)
    made = [event.step for event in said if event.event == "done"]
    assert sorted(made) == sorted(KINDS)
    assert not list(root.rglob(".lehr-tmp-*"))


def ending(root: Path, said: list[Event]) -> bool:
    """Run on; whether something ended it, which is always a letter or an interrupt."""
    try:
        walk.run(PLAN, said.append, root)
    except (LehrError, KeyboardInterrupt):
        return True
    return False


def failing(kind: str, error: BaseException):
    """The stage, which writes half of its files and ends."""

    def run(step: Step, inputs: Mapping[str, Path], room: Room) -> Facts:
        STAGES[kind](step, inputs, room)
        raise error

    return run


# ---- what is not there -----------------------------------------------------------------


def refused(step: Step, root: Path) -> LehrError:
    with pytest.raises(Refusal) as found:
        walk.run(plan_of(step), root=root)
    assert files(root) == {}
    return found.value


def test_a_teacher_that_is_not_there_is_refused_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    without_torch(monkeypatch)
    monkeypatch.setitem(EDITIONS, "load", 1)
    teacher = step("teacher", LoadWork(folder=File(path="models/old", digest=""), arch=None))
    error = refused(teacher, tmp_path)
    assert (error.code, error.step) == ("RUN140", "teacher")
    assert error.headline == "models/old is not there, which `teacher` reads"


def test_a_teacher_that_is_another_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    without_torch(monkeypatch)
    monkeypatch.setitem(EDITIONS, "load", 1)
    (tmp_path / "models/old").mkdir(parents=True)
    (tmp_path / "models/old/config.json").write_text("{}")
    teacher = step("teacher", LoadWork(folder=file("models/old", tmp_path), arch=None))
    (tmp_path / "models/old/config.json").write_text('{"hidden_size": 8}')
    assert refused(teacher, tmp_path).code == "RUN141"


def test_questions_that_are_not_there_are_refused_before_anything_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    without_torch(monkeypatch)
    bench = MultipleChoice(file=File(path="core.jsonl", digest=""), shots=0, context=64)
    work = EvalWork(benches={"core": bench}, continuations=None, rng=0, edition=EDITIONS["eval"])
    error = refused(step("core(newborn)", work), tmp_path)
    assert error.headline == "core.jsonl is not there, which `core(newborn)` reads"
