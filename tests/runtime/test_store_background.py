"""Checkpoints written while training goes on: copied first, one at a time, and their errors are heard."""

import signal
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from errands import forked

from lehr.runtime.store import checkpoints, faults
from lehr.runtime.store.background import BackgroundCheckpoints
from lehr.runtime.store.checkpoints import CheckpointFolder

pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")


@pytest.fixture(autouse=True)
def anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """Faults are counted from here."""
    monkeypatch.setattr(faults, "_passed", Counter())


@pytest.fixture
def corrupt() -> list[Path]:
    return []


@pytest.fixture
def states(tmp_path: Path, corrupt: list[Path]) -> BackgroundCheckpoints:
    return BackgroundCheckpoints(CheckpointFolder(tmp_path / "checkpoints", 2, corrupt.append))


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """A disk that writes nothing until it is let go."""
    go, write = threading.Event(), checkpoints._write

    def slow(*arguments: object) -> None:
        assert go.wait(20)
        write(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(checkpoints, "_write", slow)
    yield go
    go.set()


def test_what_is_saved_is_what_stood_there_when_it_was_asked_for(
    states: BackgroundCheckpoints, held: threading.Event
):
    weight, meta = torch.ones(3), {"tail": [1.0]}
    states.save(1, {"w": weight}, meta)
    weight.zero_()
    meta["tail"].append(2.0)
    assert states.kept() == 0  # still on its way
    held.set()
    assert states.kept(wait=True) == 1
    step, tensors, told = states.latest() or (0, {}, {})
    assert (step, tensors["w"].tolist(), told) == (1, [1.0, 1.0, 1.0], {"tail": [1.0]})


def test_the_next_one_waits_for_the_one_before(states: BackgroundCheckpoints, held: threading.Event):
    states.save(1, {"w": torch.ones(1)}, {})
    threading.Timer(0.1, held.set).start()
    states.save(2, {"w": torch.zeros(1)}, {})  # returns only after the first is whole
    assert states.folder.folder.joinpath("step-00000001").is_dir()
    assert states.kept(wait=True) == 2
    assert threading.active_count() <= 2  # this one, and perhaps the timer


@pytest.mark.parametrize("ask", ["save", "kept", "latest"])
def test_a_write_that_fails_is_heard_at_the_next_call_and_once(
    states: BackgroundCheckpoints, monkeypatch: pytest.MonkeyPatch, ask: str
):
    states.save(1, {"w": torch.ones(1)}, {})
    states.kept(wait=True)
    monkeypatch.setenv("LEHR_FAULT", "before-checkpoint-rename=enospc")
    states.save(2, {"w": torch.ones(1)}, {})
    with pytest.raises(OSError, match="No space left"):
        {
            "save": lambda: states.save(3, {"w": torch.ones(1)}, {}),
            "kept": lambda: states.kept(wait=True),
            "latest": states.latest,
        }[ask]()
    monkeypatch.delenv("LEHR_FAULT")
    assert states.kept(wait=True) == 1
    found = states.latest()
    assert found is not None
    assert found[0] == 1


def test_what_json_cannot_hold_is_found_at_once(states: BackgroundCheckpoints):
    with pytest.raises(ValueError, match="not JSON compliant"):
        states.save(1, {}, {"loss": float("nan")})
    assert states.kept(wait=True) == 0


@pytest.mark.parametrize("point", ["checkpoint", "manifest", "before-checkpoint-rename"])
def test_killed_while_the_thread_writes_the_older_state_is_left(
    states: BackgroundCheckpoints, corrupt: list[Path], point: str
):
    states.folder.save(1, {"w": torch.ones(2)}, {})

    def further() -> None:
        states.save(2, {"w": torch.zeros(2)}, {})
        states.kept(wait=True)

    assert forked(further, LEHR_FAULT=f"{point}=kill") == -signal.SIGKILL
    found = states.latest()
    assert found is not None
    assert (found[0], found[1]["w"].tolist(), corrupt) == (1, [1.0, 1.0], [])
