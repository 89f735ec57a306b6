"""A plan that was saved: it runs exactly as it was, elsewhere and without the compiler, or it is refused."""

import json
import shutil
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import pytest
from pipelines import SPEC, go

from lehr.cli.stores import BESIDE_RUNS
from lehr.compiler.graph.blocks.pipeline import Pipeline

TINY = (
    SPEC.replace("steps   = 60", "steps   = 6")
    .replace("steps = 10", "steps = 4")
    .replace("questions: 10", "questions: 2")
)
TINY = TINY.replace("by 10 steps", "by 2 steps").replace("vocab = 384", "vocab = 300")
TINY = TINY.replace("data = gold", "data = notes").replace(
    "corpus gold", 'corpus notes  { source = files("notes/*.jsonl") }\ncorpus gold'
)
WITHOUT = """\
import sys
GONE = ("lehr.compiler.front", "lehr.compiler.graph", "lehr.compiler.lint")
class Gone:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "lark" or name.startswith(GONE):
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Gone())
from lehr.cli import main
main(sys.argv[1:])
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the spec, its plan as it was before the run, and the run."""
    folder = tmp_path_factory.mktemp("made")
    (folder / "tiny.lehr").write_text(TINY)
    (folder / "notes").mkdir()
    lines = [
        json.dumps({"text": f"note {number}: {'one more word ' * (number % 9 + 5)}"}) for number in range(400)
    ]
    (folder / "notes" / "a.jsonl").write_text("\n".join(lines) + "\n")
    assert go(folder, "plan", "tiny.lehr", "-o", "p.json").returncode == 0
    assert go(folder, "run", "tiny.lehr").returncode == 0
    return folder


def hashes(folder: Path) -> dict[str, str]:
    return {
        path.parent.name: json.dumps(json.loads(path.read_text())["files"], sort_keys=True)
        for path in folder.glob("runs/artifacts/*/manifest.json")
    }


def elsewhere(made: Path, folder: Path) -> None:
    """The plan and the data that it reads, and nothing else."""
    shutil.copy(made / "p.json", folder)
    shutil.copytree(made / "notes", folder / "notes")


def test_a_saved_plan_runs_elsewhere_without_the_compiler(made: Path, tmp_path: Path):
    elsewhere(made, tmp_path)
    command = [sys.executable, "-c", WITHOUT, "run", "p.json"]
    found = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert found.returncode == 0, found.stderr
    assert hashes(tmp_path) == hashes(made)
    assert len(hashes(made)) == 13
    assert not list(tmp_path.glob("*.lehr"))


def test_a_saved_plan_is_refused_where_its_data_are_others(made: Path, tmp_path: Path):
    elsewhere(made, tmp_path)
    (tmp_path / "notes" / "a.jsonl").write_text('{"text": "other words"}\n')
    found = go(tmp_path, "run", "p.json")
    assert found.returncode == 2
    assert "notes/a.jsonl is not what it was when the plan was made" in found.stderr


def test_a_saved_plan_is_refused_when_its_run_has_gone_on(made: Path):
    found = go(made, "run", "p.json")
    assert found.returncode == 2
    assert "error[RUN116]: the world has moved since this plan was made" in found.stderr
    assert "runs/tiny/full had not begun when the plan was made" in found.stderr


def test_a_saved_plan_that_was_interrupted_may_go_on(made: Path, tmp_path: Path):
    elsewhere(made, tmp_path)
    assert go(tmp_path, "run", "p.json").returncode == 0
    found = go(tmp_path, "run", "p.json")
    assert found.returncode == 0
    assert "nothing to do" in found.stderr


def test_a_saved_plan_is_refused_when_what_it_keeps_is_gone(made: Path, tmp_path: Path):
    shutil.copytree(made, tmp_path / "copy")
    copy = tmp_path / "copy"
    assert go(copy, "plan", "tiny.lehr", "-o", "q.json").returncode == 0
    entries = json.loads((copy / "runs/tiny/full/ledger.json").read_text())["entries"]
    shutil.rmtree(copy / "runs/artifacts" / entries["grown"]["fingerprint"])
    found = go(copy, "run", "q.json")
    assert found.returncode == 2
    assert "`grown` was done when the plan was made, and its artifact is gone" in found.stderr


def test_a_plan_of_what_has_no_stage_is_refused_by_name_and_place(tmp_path: Path):
    (tmp_path / "tiny.lehr").write_text(
        TINY.replace("release base { model = last }", "corpus bought { tokens = 1M }")
        + "train more { from = last;  data = bought;  steps = 9;  batch = 256 tokens;  lr = 1e-4 }\n"
        + "release base { model = more }\n"
    )
    assert go(tmp_path, "plan", "tiny.lehr").returncode == 0
    found = go(tmp_path, "run", "tiny.lehr")
    assert found.returncode == 2
    assert "error[RUN103]: this version of Lehr does not run a corpus without a source yet" in found.stderr
    assert "corpus bought" in found.stderr
    assert not (tmp_path / "runs").exists()


def test_what_was_drawn_stands_beside_what_was_planned_and_is_reconciled(made: Path):
    found = json.loads(go(made, "plan", "tiny.lehr", "--format", "json").stdout)
    assert {one["corpus"] for one in found["data"]} == {"skills", "gold", "notes"}
    readers = [reader for one in found["data"] for reader in one["readers"]]
    assert {reader["stage"] for reader in readers} == {"grown", "last"}
    assert all(reader["reconciled"] for reader in readers)
    assert any(reader["drawn"] != Fraction(reader["planned"]) for reader in readers)  # or nothing was shown
    steps = {line["address"]: line for line in found["steps"]}
    assert sum(one["drawn"] for one in found["data"]) == steps["grown"]["tokens"] + steps["last"]["tokens"]
    assert "planned so far, reconciled" in go(made, "plan", "tiny.lehr").stdout


def test_what_whole_sequences_do_not_explain_is_told(made: Path, tmp_path: Path):
    shutil.copytree(made, tmp_path / "copy")
    ledger = tmp_path / "copy/runs/tiny/full/ledger.json"
    document = json.loads(ledger.read_text())
    document["entries"]["grown"]["facts"]["drawn"]["skills"] += 3 * 64 + 1
    ledger.write_text(json.dumps(document))
    told = go(tmp_path / "copy", "plan", "tiny.lehr").stdout
    assert "more or less than whole sequences explain: `grown`" in told


def test_the_store_of_a_plan_that_names_none_is_the_pipelines_default():
    assert Pipeline.attributes["store"].default == BESIDE_RUNS
