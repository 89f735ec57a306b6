"""Killed while it prunes, upcycles or merges back, a run goes on to the same weights, and leaves no half artifact."""

import random
import shutil
import signal
from pathlib import Path

import pytest
from pipelines import SPEC, entries, go

pytestmark = pytest.mark.proof

MORE = """\
arch slim like small { ffn = 24 }
arch mixture like small { experts { count = 3;  active = 2;  ffn = 24;  shared = 1 } }
prune pruned {
  from = last;  to = slim;  data = gold;  steps = 12;  batch = 256 tokens;  lr = 3e-3
  checkpoint { every = 3 steps }
}
upcycle sparse { from = last;  to = mixture }
train back {
  from = sparse;  data = gold;  steps = 9;  batch = 256 tokens;  lr = 1e-3
  merge_back { with = sparse;  base = sparse;  rate = 0.01;  reserve = 50%;  every = 4 }
  checkpoint { every = 2 steps }
}
release narrower { model = pruned }
release merged   { model = back }
"""
STAGES = ("pruned", "sparse", "back", "narrower", "merged")
PLACES = {"step": 21, "checkpoint": 7, "upcycle": 30, "before-rename": 5, "after-rename": 5}


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("unbroken")
    (folder / "tiny.lehr").write_text(SPEC + MORE)
    found = go(folder, "run", "tiny.lehr")
    assert found.returncode == 0, found.stderr
    return folder


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("place", PLACES)
def test_a_kill_at_any_place_changes_nothing(done: Path, tmp_path: Path, place: str, seed: int):
    folder = tmp_path / "killed"
    shutil.copytree(done, folder)
    told = entries(folder)
    for name in STAGES:
        shutil.rmtree(folder / "runs/artifacts" / told[name]["fingerprint"])
    shutil.rmtree(folder / "runs/tiny")
    nth = random.Random(f"{place} {seed}").randint(1, PLACES[place])
    killed = go(folder, "run", "tiny.lehr", LEHR_FAULT=f"{place}=kill@{nth}")
    assert killed.returncode == -signal.SIGKILL
    found = go(folder, "resume")
    assert found.returncode == 0, found.stderr
    assert entries(folder) == told
    for name in ("narrower", "merged"):
        file = f"runs/tiny/full/release/{name}/model.safetensors"
        assert (folder / file).read_bytes() == (done / file).read_bytes()
    assert not list((folder / "runs").rglob(".lehr-tmp-*"))
