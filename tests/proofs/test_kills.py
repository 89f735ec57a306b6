"""Killed anywhere, a run goes on to the same weights: twenty seeds, each a random event."""

import json
import random
import shutil
import signal
from pathlib import Path

import pytest
from pipelines import SPEC, events, go, weights

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


BORDERS = (
    "phase@2",  # the first step of the second phase
    "phase@3",
    "step@42",  # the step at whose end the context moves
    "saving@1",  # the thread has just begun to write
    "saving@3",
    "before-checkpoint-rename@2",
    "checkpoint@4",
    "before-rename@1",
    "after-rename@2",  # the stage is committed, and the ledger does not know
    "replace:ledger.json@4",
)


@pytest.mark.parametrize("border", BORDERS)
def test_a_kill_at_a_border_of_a_step_a_phase_a_checkpoint_or_a_stage(
    done: Path, tmp_path: Path, border: str
):
    """Both training stages run; weights, and what the ledger says of every step, are those of the unbroken run."""
    folder = tmp_path / "killed"
    folder.mkdir()
    (folder / "tiny.lehr").write_text(SPEC)
    shutil.copytree(done / "runs/artifacts", folder / "runs/artifacts")
    unbroken = entries(done)
    for address in ("grown", "last", "base"):
        shutil.rmtree(folder / "runs/artifacts" / unbroken[address]["fingerprint"])
    place, _, nth = border.partition("@")
    found = go(folder, "run", "tiny.lehr", LEHR_FAULT=f"{place}=kill@{nth}")
    assert found.returncode == -signal.SIGKILL
    found = go(folder, "run", "tiny.lehr")
    assert found.returncode == 0, found.stderr
    assert weights(folder) == weights(done)
    assert entries(folder) == unbroken


def entries(folder: Path) -> dict[str, dict[str, object]]:
    """The ledger's entries, but for how long each step took."""
    ledger = json.loads((folder / "runs/tiny/full/ledger.json").read_text())
    return {
        name: {key: value for key, value in entry.items() if key != "seconds"}
        for name, entry in ledger["entries"].items()
    }
