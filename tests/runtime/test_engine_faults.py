"""A run that is killed, or whose disk fails, at every place there is: it goes on and ends the same."""

import errno
import os
import resource
import signal
from pathlib import Path

import pytest
from errands import PLAN, RUN, files, forked, states, without_torch

from lehr.runtime.engine import walk
from lehr.runtime.engine.events import tail
from lehr.runtime.engine.status import status
from lehr.runtime.errors import StageError

pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")

POINTS = (
    "manifest",
    "before-rename",
    "after-rename",
    "replace:plan.json",
    "replace:ledger.json",
    "event",
    "before-release-rename",
)


@pytest.fixture(autouse=True)
def errands(monkeypatch: pytest.MonkeyPatch):
    """No stage needs torch; and a killed process loses nothing that it has written, so nothing waits for a disk."""
    without_torch(monkeypatch)
    monkeypatch.setattr(os, "fsync", lambda _: None)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What the plan leaves when nothing happens to it."""
    folder = tmp_path_factory.mktemp("undisturbed")
    with pytest.MonkeyPatch.context() as patch:
        without_torch(patch)
        walk.run(PLAN, root=folder)
    return files(folder)


def rests(root: Path) -> list[Path]:
    return list(root.rglob(".lehr-tmp-*"))


@pytest.mark.parametrize("point", POINTS)
def test_killed_at_any_passing_of_a_point_it_goes_on(
    tmp_path: Path, undisturbed: dict[str, bytes], point: str
):
    for passing in range(1, 20):
        root = tmp_path / str(passing)
        root.mkdir()
        ended = forked(lambda root=root: walk.run(PLAN, root=root), LEHR_FAULT=f"{point}=kill@{passing}")
        if ended == 0:
            break
        assert ended == -signal.SIGKILL
        if (root / RUN / "plan.json").exists():
            status(root / RUN)
        walk.run(PLAN, root=root)
        assert (files(root), rests(root)) == (undisturbed, [])
        assert set(states(root).values()) == {"done"}
    assert 1 < passing < 19


@pytest.mark.parametrize("point", POINTS)
def test_a_disk_that_is_full_at_a_point_is_a_letter_and_nothing_half_stays(
    tmp_path: Path, undisturbed: dict[str, bytes], point: str
):
    assert forked(lambda: walk.run(PLAN, root=tmp_path), LEHR_FAULT=f"{point}=enospc") == 5
    assert rests(tmp_path) == []
    walk.run(PLAN, root=tmp_path)
    assert files(tmp_path) == undisturbed


def test_killed_after_the_rename_the_artifact_is_adopted_and_not_made_again(tmp_path: Path):
    assert forked(lambda: walk.run(PLAN, root=tmp_path), LEHR_FAULT="after-rename=kill") == -signal.SIGKILL
    said: list[tuple[str, str]] = []
    walk.run(PLAN, lambda event: said.append((event.step, event.event)), tmp_path)
    assert said[0] == ("text", "kept")


def test_killed_before_the_rename_the_step_runs_again(tmp_path: Path):
    assert forked(lambda: walk.run(PLAN, root=tmp_path), LEHR_FAULT="before-rename=kill") == -signal.SIGKILL
    said: list[tuple[str, str, object]] = []
    walk.run(PLAN, lambda event: said.append((event.step, event.event, event.facts.get("because"))), tmp_path)
    assert said[0] == ("text", "started", "running before")


def test_a_sync_that_fails_ends_the_step_and_is_not_tried_again(
    tmp_path: Path, undisturbed: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
):
    synced: list[int] = []

    def fail(descriptor: int) -> None:
        synced.append(descriptor)
        if len(synced) == 9:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fail)
        with pytest.raises(StageError, match="input/output error") as failed:
            walk.run(PLAN, root=tmp_path)
    assert (failed.value.code, failed.value.exit_code) == ("RUN111", 5)
    assert "MiB free" in failed.value.notes[0]
    walk.run(PLAN, root=tmp_path)
    assert files(tmp_path) == undisturbed


def limited(root: Path, size: int) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
    walk.run(PLAN, root=root)


def test_writes_that_fail_at_any_size_are_a_letter_and_made_good(
    tmp_path: Path, undisturbed: dict[str, bytes]
):
    codes: list[int] = []
    for size in range(0, 6000, 131):
        root = tmp_path / str(size)
        codes.append(forked(lambda root=root, size=size: limited(root, size)))
        assert rests(root) == []
        walk.run(PLAN, root=root)
        assert files(root) == undisturbed
        serials = [event.serial for event in tail(root / RUN)]
        assert serials == sorted(set(serials))
    assert codes == sorted(codes, reverse=True)
    assert set(codes) == {5, 0}
