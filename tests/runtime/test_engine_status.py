"""How a run is going, read beside it, after it and on a copy of its folder."""

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from errands import PLAN, RUN, TEXT, WORDS, plan, without_torch

from lehr.compiler.plan.model import Step
from lehr.runtime.engine import walk
from lehr.runtime.engine.events import Journal
from lehr.runtime.engine.ledger import Entry, Ledger, read
from lehr.runtime.engine.status import Status, status
from lehr.runtime.errors import Refusal, StageError
from lehr.runtime.stages.room import Facts, Room

Look = Callable[[Step, Room], None]


def during(look: Callable[[], None]):
    """A stage that tells of its progress and is then looked at."""

    def run(step: Step, inputs: Mapping[str, Path], room: Room) -> Facts:
        room.say("progress", step=7, of=9, loss=2.5)
        look()
        return {"loss": 2.0}

    return run


def seen(found: Status) -> list[tuple[str, str]]:
    return [(step.address, step.state) for step in found.steps]


def test_beside_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    found: list[Status] = []
    without_torch(monkeypatch, tokenizer=during(lambda: found.append(status(tmp_path / RUN))))
    walk.run(plan(TEXT, WORDS), root=tmp_path)
    assert seen(found[0]) == [("text", "done"), ("words", "running")]
    assert found[0].steps[1].progress == {"step": 7, "of": 9, "loss": 2.5}
    assert (found[0].is_held, found[0].count("running")) == (True, 1)
    assert found[0].age is not None
    assert abs(found[0].age) < 60


def test_after_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    without_torch(monkeypatch)
    walk.run(PLAN, root=tmp_path)
    found = status(tmp_path / RUN)
    assert seen(found) == [("text", "done"), ("words", "done"), ("out", "done")]
    assert (found.steps[1].facts, found.steps[1].progress) == ({"words": 120}, None)
    assert found.is_held is False


def test_a_copy_shows_a_running_step_as_dead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    copy = tmp_path / "copy"
    look = during(lambda: None if copy.exists() else shutil.copytree(tmp_path / RUN, copy) and None)
    without_torch(monkeypatch, tokenizer=look)
    walk.run(plan(TEXT, WORDS), root=tmp_path)
    assert seen(status(copy)) == [("text", "done"), ("words", "dead")]


def test_progress_and_seconds_are_those_of_the_last_attempt(tmp_path: Path):
    tmp_path.joinpath("plan.json").write_text(PLAN.model_dump_json())
    Ledger().record(tmp_path, "text", Entry(fingerprint=TEXT.fingerprint, state="failed"))
    journal = Journal(tmp_path)
    journal.say("text", "progress", {"step": 9, "of": 9})
    journal.say("text", "started", {})
    journal.close()
    (text, *_) = status(tmp_path).steps
    assert (text.state, text.progress, text.seconds) == ("failed", None, 0.0)


def test_a_step_of_another_spec_is_still_to_come(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    without_torch(monkeypatch)
    walk.run(PLAN, root=tmp_path)
    changed = WORDS.model_copy(update={"fingerprint": "0" * 64})
    (tmp_path / RUN / "plan.json").write_text(plan(TEXT, changed).model_dump_json())
    assert seen(status(tmp_path / RUN)) == [("text", "done"), ("words", "to come")]


def test_a_run_that_has_not_begun_has_all_to_come(tmp_path: Path):
    tmp_path.joinpath("plan.json").write_text(PLAN.model_dump_json())
    found = status(tmp_path)
    assert (found.count("to come"), found.age, found.is_held) == (3, None, False)


def test_a_folder_without_a_plan_has_no_status(tmp_path: Path):
    with pytest.raises(FileNotFoundError):
        status(tmp_path)


def test_looking_at_a_lock_never_refuses_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """`status` takes the lock for an instant; a run that comes in that instant tries again."""
    import fcntl

    flock, refused = fcntl.flock, iter([True, True])

    def busy(descriptor: int, how: int) -> None:
        if how & fcntl.LOCK_EX and next(refused, False):
            raise BlockingIOError
        flock(descriptor, how)

    without_torch(monkeypatch)
    monkeypatch.setattr(fcntl, "flock", busy)
    walk.run(PLAN, root=tmp_path)
    assert status(tmp_path / RUN).count("done") == 3


# ---- the ledger --------------------------------------------------------------------


def test_a_ledger_reads_as_it_was_written(tmp_path: Path):
    ledger = Ledger()
    ledger.record(tmp_path, "text", Entry(fingerprint="f", state="running"))
    ledger.record(
        tmp_path, "text", Entry(fingerprint="f", state="done", seconds=1.5, facts={"n": [1, 2.5, "x"]})
    )
    assert read(tmp_path) == ledger
    assert (ledger.serial, list(ledger.entries)) == (2, ["text"])


def test_no_ledger_is_none(tmp_path: Path):
    assert read(tmp_path) is None


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"\0\0", b'{"version": 2}', b'{"entries": {"a": {"state": "odd"}}}', b"[" * 100_000],
)
def test_a_ledger_that_cannot_be_understood_refuses_the_run_and_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes
):
    without_torch(monkeypatch)
    (tmp_path / RUN).mkdir(parents=True)
    (tmp_path / RUN / "ledger.json").write_bytes(content)
    with pytest.raises(Refusal) as refused:
        walk.run(PLAN, root=tmp_path)
    assert (refused.value.code, refused.value.exit_code) == ("RUN110", 2)
    assert (tmp_path / RUN / "ledger.json").read_bytes() == content


def test_a_run_folder_that_cannot_be_made_is_a_letter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    without_torch(monkeypatch)
    (tmp_path / "runs").write_text("a file stands here")
    with pytest.raises(StageError) as failed:
        walk.run(PLAN, root=tmp_path)
    assert failed.value.code == "RUN111"
