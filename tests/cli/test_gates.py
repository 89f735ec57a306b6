"""Gates of a real run: exit 6 on the way and at the end, `status`, and `resume --pass`."""

import json
from pathlib import Path

from pipelines import SPEC, go, weights

SMALL = (
    SPEC.replace("steps   = 60", "steps   = 20")
    .replace("at 50%", "at 10 steps")
    .replace("context = 32 context -> 64 context at 70%", "context = 32 context -> 64 context at 10 steps")
)
GATED = (
    SMALL.replace(
        "  average    {",
        "  require reads <= 1 at 6 steps\n  require answers >= 0% at context\n  average    {",
    ).replace("lr = 3e-4 ~> 0 by end }", "lr = 3e-4 ~> 0 by end\n  require answers == 100% at end\n}")
    + "expect last.scores.reads <= 10 * newborn.scores.reads\n"
)


def write(folder: Path, spec: str) -> Path:
    folder.mkdir()
    (folder / "tiny.lehr").write_text(spec)
    return folder


def test_a_run_is_held_let_through_and_ends_as_if_nothing_had_been(tmp_path: Path):
    folder, free = write(tmp_path / "gated", GATED), write(tmp_path / "free", SMALL)
    first = go(folder, "run", "tiny.lehr")
    assert first.returncode == 6, first.stderr
    assert "error[RUN150]: `grown` does not pass its gate after step 6: measured " in first.stderr
    assert "require reads <= 1 at 6 steps" in first.stderr
    assert '`lehr resume --pass reads -- "why"`' in first.stderr
    again = go(folder, "resume")
    assert again.returncode == 6
    assert "Resuming grown" in again.stderr

    status = go(folder, "status")
    assert "◆ grown" in status.stdout
    assert "✗ after step 6  reads <= 1: measured " in status.stdout

    assert go(folder, "resume", "--pass", "reads").returncode == 2  # no reason
    nobody = go(folder, "resume", "--pass", "answers", "--", "a name that holds nothing")
    assert (nobody.returncode, "RUN153" in nobody.stderr) == (2, True)

    second = go(folder, "resume", "--pass", "reads", "--", "one nat is a dream")
    assert second.returncode == 6, second.stderr
    assert "passed by" in second.stderr
    assert "`last` does not pass its gate at the end: measured " in second.stderr
    assert not (folder / "runs/tiny/full/release/base").exists()

    third = go(folder, "resume", "--pass", "answers", "--", "it is small")
    assert third.returncode == 0, third.stderr
    ledger = json.loads((folder / "runs/tiny/full/ledger.json").read_text())
    assert [one["why"] for one in ledger["passes"]] == ["one nat is a dream", "it is small"]
    assert [(one["name"], one["after"], one["met"]) for one in ledger["entries"]["grown"]["gates"]] == [
        ("reads", 6, False),
        ("answers", None, True),
    ]
    assert all(one["met"] for one in ledger["entries"]["last"]["gates"] if one["name"] == "reads")

    assert go(free, "run", "tiny.lehr").returncode == 0
    assert weights(folder) == weights(free)
