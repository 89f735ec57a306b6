"""Killed anywhere, a run goes on to the same weights: forty seeds, by place and by moment."""

import random
import shutil
import signal
from pathlib import Path

import pytest
from pipelines import PLACES, SPEC, before_training, entries, events, go, moment, weights

pytestmark = pytest.mark.proof


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("unbroken")
    (folder / "tiny.lehr").write_text(SPEC)
    assert go(folder, "run", "tiny.lehr").returncode == 0
    return folder


@pytest.mark.parametrize("seed", range(20))
def test_a_kill_after_a_random_event(done: Path, tmp_path: Path, seed: int):
    """Up to three kills, one after the other, at places drawn from the seed; the data stages too."""
    draw, folder = random.Random(seed), tmp_path / "killed"
    folder.mkdir()
    (folder / "tiny.lehr").write_text(SPEC)
    if seed % 4:
        shutil.copytree(done / "runs/artifacts", folder / "runs/artifacts")
        for artifact in draw.sample(sorted((folder / "runs/artifacts").iterdir()), 5):
            shutil.rmtree(artifact)
    places = ("event", "checkpoint", "manifest", "before-rename", "after-rename", "replace:ledger.json")
    for _ in range(draw.randint(1, 3)):
        fault = f"{draw.choice(places)}=kill@{draw.randint(1, 12)}"
        assert go(folder, "run", "tiny.lehr", LEHR_FAULT=fault).returncode in (0, -signal.SIGKILL)
    found = go(folder, "run", "tiny.lehr")
    assert found.returncode == 0, found.stderr
    assert weights(folder) == weights(done)
    serials = [event["serial"] for event in events(folder)]
    assert serials == sorted(set(serials))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("kind", PLACES)
def test_a_kill_at_a_random_moment_of_each_kind(done: Path, tmp_path: Path, kind: str, seed: int):
    """Within a step, a checkpoint's writing, a rename, and at borders of phases and of stages: weights, and what
    the ledger says of every step, are those of the unbroken run."""
    folder = before_training(done, tmp_path / "killed")
    assert go(folder, "run", "tiny.lehr", LEHR_FAULT=moment(kind, seed)).returncode == -signal.SIGKILL
    found = go(folder, "resume")
    assert found.returncode == 0, found.stderr
    assert weights(folder) == weights(done)
    assert entries(folder) == entries(done)
    assert not list((folder / "runs").rglob(".lehr-tmp-*"))
