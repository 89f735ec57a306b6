"""Asked to stop: once politely, twice at once; and how a step ends that fails."""

import errno
import os
import signal
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from errands import PLAN, RUN, files, states, without_torch, write

from lehr.compiler.plan.model import Step
from lehr.runtime.engine import walk
from lehr.runtime.engine.events import tail
from lehr.runtime.errors import Interrupted, StageError
from lehr.runtime.stages.room import Facts, Room


def asked(*numbers: signal.Signals, heeds: bool = True):
    """A stage to which signals come while it works."""

    def run(step: Step, inputs: Mapping[str, Path], room: Room) -> Facts:
        (room.folder / "half").write_text("half")
        for number in numbers:
            os.kill(os.getpid(), number)
        if room.stopping and heeds:
            raise Interrupted(f"`{step.address}` stopped", step=step.address)
        return {}

    return run


def go_on(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without_torch(monkeypatch)
    walk.run(PLAN, root=root)
    assert set(states(root).values()) == {"done"}
    assert (root / RUN / "release/out/count.txt").read_text() == "120\n"


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_asked_once_a_step_ends_in_its_own_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals, code: int
):
    without_torch(monkeypatch, tokenizer=asked(number))
    with pytest.raises(Interrupted) as stopped:
        walk.run(PLAN, root=tmp_path)
    assert (stopped.value.exit_code, stopped.value.step) == (code, "words")
    assert states(tmp_path) == {"text": "done", "words": "stopped"}
    assert (tail(tmp_path / RUN)[-1].step, tail(tmp_path / RUN)[-1].event) == ("words", "stopped")
    assert not list((tmp_path / "runs/artifacts").glob(".lehr-tmp-*"))
    go_on(tmp_path, monkeypatch)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_short_step_is_finished_and_the_next_not_begun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals, code: int
):
    def late(step: Step, inputs: Mapping[str, Path], room: Room) -> Facts:
        os.kill(os.getpid(), number)
        return write(step, inputs, room)

    without_torch(monkeypatch, corpus=late)
    with pytest.raises(Interrupted, match="stopped before `words`") as stopped:
        walk.run(PLAN, root=tmp_path)
    assert stopped.value.exit_code == code
    assert states(tmp_path) == {"text": "done"}
    go_on(tmp_path, monkeypatch)


def test_asked_twice_it_stops_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    without_torch(monkeypatch, tokenizer=asked(signal.SIGINT, signal.SIGINT, heeds=False))
    with pytest.raises(KeyboardInterrupt):
        walk.run(PLAN, root=tmp_path)
    assert states(tmp_path) == {"text": "done", "words": "stopped"}
    go_on(tmp_path, monkeypatch)


def test_afterwards_signals_mean_what_they_meant_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    without_torch(monkeypatch, tokenizer=asked(signal.SIGTERM))
    with pytest.raises(Interrupted):
        walk.run(PLAN, root=tmp_path)
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def failing(error: BaseException):
    def run(step: Step, inputs: Mapping[str, Path], room: Room) -> Facts:
        (room.folder / "half").write_text("half")
        raise error

    return run


def test_an_unforeseen_failure_is_a_letter_with_its_traceback_in_the_events(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    without_torch(monkeypatch, tokenizer=failing(ZeroDivisionError("one by none")))
    with pytest.raises(StageError) as failed:
        walk.run(PLAN, root=tmp_path)
    letter = failed.value
    assert (letter.code, letter.name, letter.step, letter.exit_code) == ("RUN101", "stage-failed", "words", 5)
    assert letter.headline == "`words` failed: ZeroDivisionError: one by none"
    assert letter.notes == (f"the traceback is in {tmp_path / RUN / 'events.jsonl'}",)
    last = tail(tmp_path / RUN)[-1]
    assert (last.event, last.facts["because"]) == ("failed", "one by none")
    assert "in failing" in last.facts["traceback"] or "raise error" in last.facts["traceback"]
    assert states(tmp_path) == {"text": "done", "words": "failed"}
    go_on(tmp_path, monkeypatch)


@pytest.mark.parametrize("kind", [MemoryError, lambda told: OSError(errno.ENOMEM, told)])
def test_memory_that_any_step_is_refused_is_a_letter_without_a_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: Callable[[str], Exception]
):
    without_torch(monkeypatch, tokenizer=failing(kind("malloc of 9 bytes failed")))
    with pytest.raises(StageError) as failed:
        walk.run(PLAN, root=tmp_path)
    letter = failed.value
    assert (letter.code, letter.name, letter.step) == ("RUN130", "out-of-memory", "words")
    assert letter.notes[0].endswith("malloc of 9 bytes failed")
    assert letter.help == ("give `words` more memory, then `lehr resume`; what was finished is kept",)
    go_on(tmp_path, monkeypatch)


def test_a_letter_of_a_stage_is_passed_on_with_the_step_it_is_about(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    said = StageError("RUN109", "tensors-differ", "not these")
    without_torch(monkeypatch, tokenizer=failing(said))
    with pytest.raises(StageError) as failed:
        walk.run(PLAN, root=tmp_path)
    assert failed.value is said
    assert (said.step, said.__cause__) == ("words", None)


def test_facts_that_json_cannot_hold_fail_their_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def odd(step: Step, inputs: Mapping[str, Path], room: Room) -> Facts:
        return {"path": room.folder}

    without_torch(monkeypatch, tokenizer=odd)
    with pytest.raises(StageError, match="not JSON serializable"):
        walk.run(PLAN, root=tmp_path)
    assert states(tmp_path)["words"] == "failed"
    assert not any("words" in name for name in files(tmp_path))
