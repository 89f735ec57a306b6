"""`lehr run`, `resume` and `status` as processes that are really killed, on a pipeline of seconds."""

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner
from pipelines import PLACES, SPEC, before_training, command, entries, events, go, moment, weights

from lehr.cli.door import lehr


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the pipeline has run to its end, undisturbed."""
    folder = tmp_path_factory.mktemp("done")
    (folder / "tiny.lehr").write_text(SPEC)
    found = go(folder, "run", "tiny.lehr")
    assert found.returncode == 0, found.stderr
    return folder


@pytest.fixture
def ahead(done: Path, tmp_path: Path) -> Path:
    """The same folder before `grown` was trained: its data and its new model are there."""
    return before_training(done, tmp_path / "ahead")


def wait_for(folder: Path, is_there: Callable[[dict], bool], process: subprocess.Popen[str]) -> None:
    path = folder / "runs/tiny/full/events.jsonl"
    for _ in range(3000):
        if path.exists() and any(is_there(event) for event in events(folder)):
            return
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)
    raise AssertionError("the event never came")


def test_a_run_leaves_a_release_scores_and_a_ledger(done: Path):
    release = done / "runs/tiny/full/release/base"
    assert {path.name for path in release.iterdir()} == {
        "model.safetensors",
        "arch.json",
        "history.json",
        "tokenizer.json",
        "tokenizer_config.json",
        "manifest.json",
    }
    entries = json.loads((done / "runs/tiny/full/ledger.json").read_text())["entries"]
    assert all(entry["state"] == "done" for entry in entries.values())
    scores = {name: entries[f"marks({name})"]["facts"]["scores"] for name in ("newborn", "last")}
    assert scores["last"]["reads"]["nats"] < scores["newborn"]["reads"]["nats"] - 1
    assert sum(entries["grown"]["facts"]["drawn"].values()) == entries["grown"]["facts"]["tokens"] == 60 * 256


def test_a_second_run_does_nothing_and_says_so(done: Path):
    found = go(done, "run", "tiny.lehr")
    assert found.returncode == 0
    assert "nothing to do; all 11 steps were done" in found.stderr
    assert found.stdout == ""
    assert go(done, "plan", "tiny.lehr", "--exit-code").returncode == 0


def test_a_quiet_run_says_only_what_it_came_to(done: Path, tmp_path: Path):
    shutil.copytree(done, tmp_path / "copy")
    found = go(tmp_path / "copy", "run", "tiny.lehr", "--quiet", "--set", "last.lr=1e-4")
    assert (found.returncode, found.stderr) == (0, "")
    assert "answers, exact" in found.stdout


@pytest.mark.parametrize("size", ["24", "24gb", "x", "3h", "5%", "1/0GB", "-1GB"])
def test_what_is_no_size_of_memory_is_a_fault_of_the_command(tmp_path: Path, size: str):
    found = CliRunner().invoke(lehr, ["resume", str(tmp_path), "--memory", size])
    assert (found.exit_code, "is no size; write one such as 24GB" in found.output) == (2, True)


def test_a_comment_changes_nothing(done: Path, tmp_path: Path):
    shutil.copytree(done, tmp_path / "copy")
    (tmp_path / "copy/tiny.lehr").write_text(
        SPEC.replace("train last", "# the last one\n## annealed\ntrain last")
    )
    assert "nothing to do" in go(tmp_path / "copy", "run", "tiny.lehr").stderr


def test_a_changed_last_stage_runs_alone(done: Path, tmp_path: Path):
    shutil.copytree(done, tmp_path / "copy")
    found = go(tmp_path / "copy", "run", "tiny.lehr", "--set", "last.lr=1e-4")
    assert found.returncode == 0
    ran = [event["step"] for event in events(tmp_path / "copy") if event["event"] == "started"]
    assert ran[-3:] == ["last", "marks(last)", "base"]
    assert ran.count("grown") == 1
    assert weights(tmp_path / "copy") != weights(done)


def test_a_saved_plan_runs_where_the_spec_has_never_been(done: Path, ahead: Path, tmp_path: Path):
    assert go(ahead, "plan", "tiny.lehr", "-o", str(tmp_path / "p.json")).returncode == 0
    (ahead / "tiny.lehr").unlink()
    assert go(ahead, "run", str(tmp_path / "p.json")).returncode == 0
    assert weights(ahead) == weights(done)


def test_a_forced_step_comes_to_the_same_files(done: Path):
    found = go(done, "run", "tiny.lehr", "--force", "last")
    assert found.returncode == 0, found.stderr
    assert "Finished 1 step in" in found.stderr
    assert go(done, "run", "tiny.lehr", "--force", "lst").returncode == 2


def test_resume_from_another_folder_finds_the_store(done: Path, tmp_path: Path):
    found = go(tmp_path, "resume", str(done / "runs/tiny/full"))
    assert found.returncode == 0
    assert "nothing to do" in found.stderr
    assert list(tmp_path.iterdir()) == []


def test_killed_and_resumed_is_the_same_as_unbroken(done: Path, ahead: Path):
    process = command(ahead, "run", "tiny.lehr", LEHR_FAULT="event=kill@14")
    process.communicate(timeout=300)
    assert process.returncode == -signal.SIGKILL
    assert "grown" in {event["step"] for event in events(ahead) if event["event"] == "saved"}
    told = go(ahead, "status")
    assert "probably dead; `lehr resume` goes on" in told.stdout
    found = go(ahead, "resume")
    assert found.returncode == 0, found.stderr
    assert any(event["event"] == "resumed" and event["facts"]["step"] > 0 for event in events(ahead))
    assert weights(ahead) == weights(done)


@pytest.mark.parametrize("kind", PLACES)
def test_killed_at_a_random_moment_it_ends_with_the_same_weights_and_ledger(
    done: Path, ahead: Path, kind: str
):
    """One moment of each kind; the proofs draw more."""
    assert go(ahead, "run", "tiny.lehr", LEHR_FAULT=moment(kind, 99)).returncode == -signal.SIGKILL
    found = go(ahead, "resume")
    assert found.returncode == 0, found.stderr
    assert weights(ahead) == weights(done)
    assert entries(ahead) == entries(done)
    assert not list((ahead / "runs").rglob(".lehr-tmp-*"))


def wait_until_it_writes(folder: Path, process: subprocess.Popen[str]) -> None:
    """Until the thread that writes `grown`'s first checkpoint has begun a folder."""
    for _ in range(3000):
        if list((folder / "runs/tiny/full/checkpoints").glob("*/.lehr-tmp-*/state.safetensors")):
            return
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    raise AssertionError("nothing was ever written")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_asked_to_stop_it_saves_and_goes_on_later(done: Path, ahead: Path, number: signal.Signals, code: int):
    """The signal comes while a checkpoint is being written: that one is finished, and then the newest."""
    process = command(ahead, "run", "tiny.lehr", LEHR_FAULT="checkpoint=sleep:1@1")
    wait_until_it_writes(ahead, process)
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == code, err
    assert "RUN301" in err
    (stopped,) = [event for event in events(ahead) if event["event"] == "stopped"]
    saved = [event["facts"]["step"] for event in events(ahead) if event["event"] == "saved"]
    assert saved[0] == 7
    assert f"stopped after step {saved[-1]} of 60" in stopped["facts"]["because"]
    assert "‖ grown" in go(ahead, "status").stdout
    assert go(ahead, "resume").returncode == 0
    assert weights(ahead) == weights(done)


def test_asked_twice_while_a_checkpoint_is_written_it_stops_at_once(done: Path, ahead: Path):
    process = command(ahead, "run", "tiny.lehr", LEHR_FAULT="checkpoint=sleep:20@2")
    wait_for(ahead, lambda event: event["event"] == "saved", process)
    wait_until_it_writes(ahead, process)
    process.send_signal(signal.SIGINT)
    time.sleep(0.3)
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert time.monotonic() - began < 10  # of twenty that writing would take
    assert (process.returncode, "Traceback" in err) == (130, False), err
    assert "‖ grown" in go(ahead, "status").stdout
    found = go(ahead, "resume")
    assert "at step 7" in found.stderr
    assert weights(ahead) == weights(done)
    assert entries(ahead) == entries(done)


def test_a_corrupt_checkpoint_is_named_and_not_used(done: Path, ahead: Path):
    assert go(ahead, "run", "tiny.lehr", LEHR_FAULT="checkpoint=kill@4").returncode == -signal.SIGKILL
    *_, newest = sorted((ahead / "runs/tiny/full/checkpoints").glob("*/step-*"))
    damaged = newest / "state.safetensors"
    content = bytearray(damaged.read_bytes())
    content[len(content) // 2] ^= 1
    damaged.write_bytes(content)
    found = go(ahead, "resume")
    assert found.returncode == 0, found.stderr
    assert f"{newest.name}/state.safetensors fails its checksum and is not used" in found.stderr
    assert weights(ahead) == weights(done)


@pytest.mark.parametrize("deed", ["edit", "delete"])
def test_an_altered_artifact_is_named_and_made_again(done: Path, tmp_path: Path, deed: str):
    folder = tmp_path / "copy"
    shutil.copytree(done, folder)
    ledger = json.loads((folder / "runs/tiny/full/ledger.json").read_text())
    artifact = folder / "runs/artifacts" / ledger["entries"]["last"]["fingerprint"]
    if deed == "edit":
        content = bytearray((artifact / "model.safetensors").read_bytes())
        content[-1] ^= 1
        (artifact / "model.safetensors").write_bytes(content)
    else:
        shutil.rmtree(artifact)
    found = go(folder, "run", "tiny.lehr")
    assert found.returncode == 0, found.stderr
    assert ("model.safetensors" in found.stderr) == (deed == "edit")
    assert [event["step"] for event in events(folder) if event["event"] == "started"][-1] == "last"
    assert weights(folder) == weights(done)


def test_a_folder_that_another_process_holds_is_refused(ahead: Path):
    first = command(ahead, "run", "tiny.lehr", LEHR_FAULT="checkpoint=sleep:20")
    wait_for(ahead, lambda event: event["step"] == "grown" and event["event"] == "phase", first)
    second = go(ahead, "run", "tiny.lehr")
    first.kill()
    first.communicate()
    assert second.returncode == 2
    assert "RUN102" in second.stderr
    assert f"process {first.pid} on " in second.stderr


def test_a_disk_that_is_full_is_a_letter_and_nothing_is_lost(done: Path, ahead: Path):
    found = go(ahead, "run", "tiny.lehr", LEHR_FAULT="checkpoint=enospc@3")
    assert found.returncode == 5
    assert "RUN111" in found.stderr
    assert "no space left on device" in found.stderr
    assert "MiB free" in found.stderr
    assert "Traceback" not in found.stderr
    assert go(ahead, "resume").returncode == 0
    assert weights(ahead) == weights(done)


def test_a_limit_on_file_sizes_is_a_letter_too(ahead: Path):
    program = "import sys; from lehr.cli import main; main(['run', 'tiny.lehr'])"
    found = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ahead,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000)),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert found.returncode == 5, found.stderr
    assert "RUN111" in found.stderr
    assert "file too large" in found.stderr


def test_memory_that_is_not_there_is_a_letter_and_what_it_says_helps(done: Path, tmp_path: Path):
    """The kernel refuses memory for real; the letter's own command goes on under the same limit."""
    folder = tmp_path / "copy"
    shutil.copytree(done, folder)
    limit = 700 << 20

    def limited(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "lehr.cli", *arguments],
            cwd=folder,
            env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONIOENCODING": "utf-8"},
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_DATA, (limit, limit)),
            capture_output=True,
            text=True,
            timeout=300,
        )

    wide = ("--set", "last.batch=131_072 tokens", "--set", "last.steps=1")
    found = limited("run", "tiny.lehr", *wide, "--memory", "1GB")
    assert found.returncode == 5, found.stderr
    assert "error[RUN130]: `last` ran out of memory at step 1, at a context of 64" in found.stderr
    assert "2048 sequences of 64 tokens went through the model at once" in found.stderr
    assert "`lehr resume --memory 500MB` sends fewer sequences through at once" in found.stderr
    assert "Traceback" not in found.stderr
    assert entries(folder)["grown"] == entries(done)["grown"]
    found = limited("resume", "--memory", "500MB", "--quiet")
    assert found.returncode == 0, found.stderr
    assert entries(folder)["last"]["facts"]["tokens"] == 131_072


def test_status_reads_a_copied_folder_without_torch(done: Path, tmp_path: Path):
    shutil.copytree(done / "runs/tiny/full", tmp_path / "elsewhere")
    program = (
        "import sys; from lehr.cli.door import _code; assert _code(['status', 'elsewhere']) == 0; "
        "assert not {'torch', 'lark', 'networkx'} & set(sys.modules), sys.modules.keys()"
    )
    found = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True)
    assert found.returncode == 0, found.stderr
    assert "11 steps: 11 done" in found.stdout


def test_an_unreadable_ledger_is_refused(done: Path, tmp_path: Path):
    shutil.copytree(done, tmp_path / "copy")
    (tmp_path / "copy/runs/tiny/full/ledger.json").write_text('{"version": 99}')
    found = go(tmp_path / "copy", "run", "tiny.lehr")
    assert (found.returncode, "RUN110" in found.stderr) == (2, True)


def test_what_is_no_plan_is_a_fault_of_the_command(tmp_path: Path):
    (tmp_path / "p.json").write_text('{"version": 2}')
    found = go(tmp_path, "run", "p.json")
    assert found.returncode == 2
    assert "p.json is not a plan of this version" in found.stderr


def test_a_plan_that_was_edited_is_not_run(done: Path, tmp_path: Path):
    document = json.loads((done / "runs/tiny/full/plan.json").read_text())
    next(step for step in document["steps"] if step["address"] == "last")["work"]["rng"] = 8
    (tmp_path / "p.json").write_text(json.dumps(document))
    found = go(tmp_path, "run", "p.json")
    assert found.returncode == 2
    assert "p.json was edited: `last` no longer has its address" in found.stderr


# ---- what a run says of itself ------------------------------------------------------------------


def flipped(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def test_a_run_is_verified_to_the_byte(tmp_path: Path, done: Path):
    folder = shutil.copytree(done, tmp_path / "copy")
    found = go(folder, "verify")
    assert found.returncode == 0, found.stderr
    assert found.stdout.endswith("all as written\n")
    flipped(folder / "runs/tiny/full/release/base/model.safetensors")
    plan = json.loads((folder / "runs/tiny/full/plan.json").read_text())
    print_ = next(step["fingerprint"] for step in plan["steps"] if step["address"] == "grown")
    flipped(folder / "runs/artifacts" / print_ / "model.safetensors")
    step = next(step for step in plan["steps"] if step["address"] == "newborn")
    step["work"]["std"] = 0.5
    (folder / "runs/tiny/full/plan.json").write_text(json.dumps(plan))
    found = go(folder, "verify", "--format", "json")
    assert found.returncode == 5
    faults = {
        (one["address"], one["what"]): one["faults"] for one in json.loads(found.stdout) if one["faults"]
    }
    assert faults["base", "release"][-1].endswith("release/base/model.safetensors is not what was released")
    assert faults["grown", "artifact"][-1].endswith("model.safetensors is not what was written")
    assert faults["newborn", "artifact"][0].startswith("the plan gives it the address")
    assert go(folder, "verify").stdout.startswith("✗ newborn  ")


def test_a_run_is_told_on_one_page(done: Path):
    found = go(done, "report", "--format", "markdown")
    assert found.returncode == 0, found.stderr
    assert "| ✓ | `grown` | train | 60 steps, " in found.stdout
    assert "| `reads` | perplexity |" in found.stdout
