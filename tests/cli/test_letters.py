"""A letter of a run points into the spec: at the stage, and at what changed before it went wrong."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from lehr.cli.options import show_failure
from lehr.compiler.plan.model import Move, Origin
from lehr.runtime.errors import StageError

SPEC = """\
lehr 1
train grown {
  context = 8 context
         -> 16 context at 5 steps
}
"""


def at(line: int, column: int) -> Origin:
    return Origin(path="a.lehr", line=line, column=column)


def show(capsys: pytest.CaptureFixture[str], moved: Origin) -> str:
    told = (Move(step=5, what="context", origin=moved, length=10), "context moved here, 2 steps earlier")
    error = StageError("RUN104", "loss-not-finite", "the loss is not finite", step="grown", moves=(told,))
    plan = SimpleNamespace(steps=[SimpleNamespace(address="grown", origin=at(2, 1))])
    assert show_failure(error, plan, "never") == 5
    return capsys.readouterr().err


def test_it_marks_the_stage_and_what_moved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.chdir(tmp_path)
    Path("a.lehr").write_text(SPEC)
    assert [line.strip() for line in show(capsys, at(4, 13)).splitlines() if "│ " in line] == [
        "2 │ train grown {",
        "│ ^^^^^^^^^^^ this stage",
        "4 │          -> 16 context at 5 steps",
        "│             ---------- context moved here, 2 steps earlier",
    ]


def test_a_spec_that_is_gone_or_shorter_now_is_not_marked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.chdir(tmp_path)
    assert show(capsys, at(4, 13)).strip() == "error[RUN104]: the loss is not finite"
    Path("a.lehr").write_text("lehr 1\ntrain grown {\n}\n")
    assert "moved here" not in show(capsys, at(9, 1))
