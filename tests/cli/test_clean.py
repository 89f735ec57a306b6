"""`lehr clean`: what goes, what stays beside a live run and a release, and how much that frees."""

import json
import os
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from errands import OUT, PLAN, TEXT, WORDS, forked, without_torch
from errands import plan as plan_of

from lehr.cli.door import lehr
from lehr.compiler.plan.model import Plan
from lehr.runtime.engine import waste
from lehr.runtime.engine.events import Event
from lehr.runtime.engine.walk import run
from lehr.runtime.errors import Refusal
from lehr.runtime.store import manifest
from lehr.runtime.store.artifact import Store
from lehr.runtime.store.checkpoints import CheckpointFolder

pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")

CHANGED = WORDS.model_copy(update={"fingerprint": "1" * 64})
LATER = OUT.model_copy(update={"fingerprint": "2" * 64})


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    without_torch(monkeypatch)
    return tmp_path


def at(plan: Plan, place: str = "runs/errands/full") -> Plan:
    return plan.model_copy(update={"run": place})


def clean(*arguments: str) -> Any:
    return CliRunner().invoke(lehr, ["clean", *arguments], catch_exceptions=False)


def told() -> list[tuple[str, str]]:
    (store,) = json.loads(clean("--format", "json").stdout)["stores"]
    return [(one["what"], Path(one["path"]).name) for one in store["waste"]]


def artifacts(folder: Path) -> set[str]:
    return {path.name for path in (folder / "runs/artifacts").iterdir() if path.name[0] != "."}


def test_where_every_artifact_is_reached_there_is_nothing_to_remove(folder: Path):
    run(at(PLAN))
    found = clean()
    assert (found.exit_code, found.stdout.splitlines()[-1]) == (0, "nothing to remove")
    assert "3 artifacts of " in found.stdout


def test_what_a_changed_spec_left_behind_is_listed_then_removed_with_its_bytes(folder: Path):
    run(at(PLAN))
    run(at(plan_of(TEXT, CHANGED, LATER)))
    assert sorted(told()) == [("artifact", name) for name in sorted((WORDS.fingerprint, OUT.fingerprint))]
    size = sum(waste.size(folder / "runs/artifacts" / one.fingerprint) for one in (WORDS, OUT))
    listed = clean()
    assert f"2 to remove, {size / 1000:.1f} kB" in listed.stdout
    assert "Nothing was removed; --yes removes it." in listed.stderr
    assert len(artifacts(folder)) == 5
    removed = clean("--yes")
    assert removed.stdout.endswith(f"Removed {size / 1000:.1f} kB.\n")
    assert artifacts(folder) == {one.fingerprint for one in (TEXT, CHANGED, LATER)}
    assert [path.name for path in (folder / "runs/artifacts").glob(".lehr-tmp-*")] == []
    assert told() == []


def test_what_another_run_still_names_stays(folder: Path):
    run(at(PLAN))
    run(at(PLAN, "elsewhere/deep/run"))
    run(at(plan_of(TEXT, CHANGED, LATER)))
    assert told() == []  # the store knows the run, though it is not under runs/
    shutil.rmtree(folder / "elsewhere")
    assert len(told()) == 2
    assert f"{folder}/elsewhere/deep/run is gone" in clean().stdout


def test_a_release_keeps_all_that_it_was_made_from(folder: Path):
    """Its block is gone from the spec, and the ledger with it; the release is still there."""
    run(at(PLAN))
    (folder / "runs/errands/full/ledger.json").unlink()
    run(at(plan_of(TEXT)))
    assert told() == []
    shutil.rmtree(folder / "runs/errands/full/release")
    assert len(told()) == 2


def test_a_release_keeps_what_those_were_made_from_that_the_ledger_names_too(folder: Path):
    """`text` is another now; the ledger still names `words`, which was made from the old one."""
    run(at(PLAN))
    run(at(plan_of(TEXT.model_copy(update={"fingerprint": "3" * 64}))))
    assert told() == []


def test_a_live_run_keeps_what_it_will_need(folder: Path):
    """Cleaned in the middle of a run: what its plan names is not touched, not even what is to come."""
    run(at(PLAN, "runs/old/full"))
    shutil.rmtree(folder / "runs/old")
    seen: list[list[tuple[str, str]]] = []

    def said(event: Event) -> None:
        if event.event == "kept" and event.step == "text":
            assert clean("--yes").exit_code == 0
            seen.append(told())

    run(at(PLAN), said)
    assert seen == [[]]
    assert artifacts(folder) == {one.fingerprint for one in PLAN.steps}


def test_an_artifact_that_was_set_aside_goes(folder: Path):
    run(at(PLAN))
    (folder / "runs/artifacts" / WORDS.fingerprint / "deep/count.txt").write_text("9\n")
    run(at(PLAN))
    ((what, name),) = told()
    assert (what, name.split(".")[0]) == ("altered artifact", WORDS.fingerprint)
    clean("--yes")
    assert told() == []


def test_what_dead_processes_left_goes_and_what_the_living_use_stays(folder: Path):
    run(at(PLAN))
    store, plan = Store(folder / "runs/artifacts"), at(plan_of(TEXT, CHANGED))
    assert forked(lambda: run(plan), LEHR_FAULT="manifest=kill") == -signal.SIGKILL
    for name, keep in (("9" * 16, True), (CHANGED.fingerprint[:16], False)):
        states = CheckpointFolder(folder / "runs/errands/full/checkpoints" / name, 1, lambda path: None)
        states.folder.mkdir(parents=True)
        (states.folder / "state").write_text("x" * (9 if keep else 5))
    with store.room() as mine:
        assert sorted(what for what, _ in told()) == ["checkpoints", "temporary"]
        clean("--yes")
        assert mine.is_dir()
    assert told() == []
    assert (folder / "runs/errands/full/checkpoints" / CHANGED.fingerprint[:16] / "state").is_file()


def test_checkpoints_of_a_live_run_stay(folder: Path):
    left = folder / "runs/errands/full/checkpoints" / ("9" * 16)

    def said(event: Event) -> None:
        left.mkdir(parents=True, exist_ok=True)
        clean("--yes")

    run(at(PLAN), said)
    assert left.is_dir()
    clean("--yes")
    assert not left.exists()


def test_a_run_that_begins_between_the_list_and_the_removal_keeps_its_artifacts(folder: Path):
    run(at(PLAN, "runs/old/full"))
    shutil.rmtree(folder / "runs/old")
    store = Store(folder / "runs/artifacts")
    listed, _ = waste.look(store, [])
    assert len(listed) == 3
    run(at(PLAN))
    assert waste.remove(store, [], listed) == 0
    assert len(artifacts(folder)) == 3


def test_a_clean_that_is_killed_leaves_whole_artifacts_and_temporaries(
    folder: Path, monkeypatch: pytest.MonkeyPatch
):
    run(at(PLAN))
    run(at(plan_of(TEXT, CHANGED, LATER)))

    def killed() -> None:
        monkeypatch.setattr(waste.shutil, "rmtree", lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL))
        clean("--yes")

    assert forked(killed) == -signal.SIGKILL
    store = Store(folder / "runs/artifacts")
    whole = [path for path in store.root.iterdir() if len(path.name) == 64]
    assert [manifest.altered(path) for path in whole] == [[]] * 3
    assert {what for what, _ in told()} == {"temporary"}
    clean("--yes")
    assert told() == []


def test_a_ledger_that_cannot_be_read_keeps_everything(folder: Path):
    run(at(PLAN))
    ledger = folder / "runs/errands/full/ledger.json"
    ledger.unlink()
    ledger.mkdir()
    with pytest.raises(Refusal, match="cannot be read, so what it needs is not known"):
        clean("--yes")
    assert len(artifacts(folder)) == 3


def test_a_ledger_of_another_version_keeps_what_it_names(folder: Path):
    run(at(PLAN))
    run_folder = folder / "runs/errands/full"
    (run_folder / "plan.json").write_text("{}")
    document = json.loads((run_folder / "ledger.json").read_text())
    (run_folder / "ledger.json").write_text(json.dumps({**document, "version": 99}))
    assert told() == []


def test_a_store_that_is_not_there_is_a_fault_of_the_command(folder: Path):
    found = CliRunner().invoke(lehr, ["clean", "nowhere"])
    assert found.exit_code != 0
    assert "there is no store in nowhere" in str(found.exception or found.output) + found.output
