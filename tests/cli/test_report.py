"""`lehr report`: a run on one page, whatever state it is in."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from pipelines import SPEC

from lehr.cli.door import lehr
from lehr.compiler import compile as compile_spec

POSITIONS = {"0-31": 5.0, "32-63": 4.0}
SCORE = {"suite": "perplexity", "value": 60.5, "nats": 4.1, "by_position": POSITIONS}
EXACT = {"suite": "exact_match", "value": 0.4, "asked": 10}
DONE: dict[str, dict[str, Any]] = {
    "newborn": {"params": 9000},
    "grown": {"steps": 60, "tokens": 15_360, "loss": 3.5, "drawn": {"skills": 12_000, "gold": 3_360}},
    "marks(newborn)": {"scores": {"reads": {**SCORE, "value": 300.0}, "answers": {**EXACT, "value": 0.0}}},
    "marks(last)": {
        "scores": {"reads": SCORE, "answers": EXACT},
        "continuations": [{"prompt": "the last of", "text": "<script>alert(1)</script>"}],
    },
}


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a run that failed in its last stage, made without running anything."""
    monkeypatch.chdir(tmp_path)
    spec = SPEC.replace("batch   = 256 tokens", "batch   = 256 tokens  # assumed: it fits")
    Path("tiny.lehr").write_text(f"{spec}expect grown.steps == 60\n")
    plan, letters = compile_spec("tiny.lehr")
    assert plan, letters
    folder = tmp_path / plan.run
    folder.mkdir(parents=True)
    (folder / "plan.json").write_text(plan.model_dump_json())
    entries: dict[str, Any] = {
        step.address: {"fingerprint": step.fingerprint, "state": "done", "seconds": 1.5, "facts": facts}
        for step in plan.steps
        if (facts := DONE.get(step.address))
    }
    failed = plan.step("last")
    because = "the loss is not finite | at step 7"
    entries["last"] = {"fingerprint": failed.fingerprint, "state": "failed", "because": because}
    gate = {"gate": "reads >= 3", "name": "", "after": 40, "left": 60.5, "right": 3.0, "met": True}
    entries["grown"]["gates"] = [{**gate, "enforced": True}]
    ledger = {"version": 1, "run": "abc", "serial": 9, "entries": entries}
    (folder / "ledger.json").write_text(json.dumps(ledger))
    events = [("grown", "resumed", {"step": 21})]
    events += [
        ("grown", "progress", {"step": step, "of": 60, "loss": 6 - step / 30}) for step in range(1, 61)
    ]
    lines = [
        {
            "serial": n,
            "time": f"2026-01-02T03:04:{n % 60:02}.000+00:00",
            "monotonic": n,
            "step": s,
            "event": e,
            "facts": f,
        }
        for n, (s, e, f) in enumerate(events)
    ]
    (folder / "events.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder


def report(*arguments: str) -> Result:
    return CliRunner().invoke(lehr, ["report", *arguments])


class Page(HTMLParser):
    """Tags in order, what they point at, and whether every one of them is closed."""

    VOID = ("meta", "line", "br", "rect", "polyline")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: set[str] = set()
        self.targets: list[str] = []
        self.tags: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = dict(attrs)
        self.tags.append(tag)
        self.ids |= {told["id"]} if told.get("id") else set()
        self.targets += [value for name, value in attrs if name in ("href", "src") and value]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_is_whole_and_needs_nothing_else(run: Path):
    ran = report(str(run))
    assert (ran.exit_code, ran.output.strip()) == (0, str(run / "report.html"))
    text = (run / "report.html").read_text()
    page = Page(text)
    assert page.open == []
    assert "script" not in page.tags
    assert [target for target in page.targets if not target.startswith("#")] == []
    assert {target[1:] for target in page.targets} <= page.ids
    assert not re.search(r"url\(|@import|https?://(?!www\.w3\.org)", text)


def test_the_page_tells_what_happened(run: Path):
    report(str(run))
    text = (run / "report.html").read_text()
    for said in (
        "60 steps, 15 360 tokens, context 32 → 64",
        "went on at step 21 after it was cut off",
        "&lt;script&gt;alert(1)&lt;/script&gt;",
        "the loss is not finite | at step 7",
        "reads &gt;= 3",
        "grown.steps == 60",
        "it fits",
        "reads: nats by position in the context",
        "Losses along the steps",
        "lehr run tiny.lehr",
    ):
        assert said in text, said


def test_markdown_has_the_same_in_tables(run: Path):
    text = report(str(run), "--format", "markdown").output
    assert "| ✗ | `last` | train |" in text
    assert "the loss is not finite \\| at step 7" in text
    assert "| `reads` | perplexity |\n|---|--:|\n| `newborn` | 300 |\n| `last` | 60.5 |\n" in text
    assert re.search(r"\| `gold` \| +\| [0-9 ]+ \| 3 360 \|", text)
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    assert all(line.endswith("|") for line in rows)


def test_json_is_for_programs(run: Path):
    found = json.loads(report(str(run), "--format", "json").output)
    assert found["counts"]["failed"] == 1
    (curve,) = found["curves"]
    assert curve["points"][-1] == [60.0, 4.0]
    assert {one["corpus"]: one["really"] for one in found["drawn"]} == {"skills": 12_000, "gold": 3_360}


def test_two_runs_beside_each_other(run: Path):
    other = run.parent / "other"
    other.mkdir()
    for name in ("plan.json", "ledger.json", "events.jsonl"):
        (other / name).write_bytes((run / name).read_bytes())
    changed = json.loads((other / "plan.json").read_text())
    step = next(step for step in changed["steps"] if step["address"] == "grown")
    step["fingerprint"] = "1" * 64
    (other / "plan.json").write_text(json.dumps(changed))
    text = report(str(run), "--format", "markdown", "--compare", str(other)).output
    assert "| `newborn` | 9 000 params | 9 000 params | the same artifact |" in text
    assert re.search(r"\| `grown` \| .* \| another artifact \|", text)


def test_a_run_without_its_spec_or_its_events_is_told_as_far_as_it_goes(run: Path):
    Path("tiny.lehr").unlink()
    (run / "events.jsonl").unlink()
    ran = report(str(run))
    assert ran.exit_code == 0
    text = (run / "report.html").read_text()
    assert "Losses along the steps" not in text
    assert "<h2>Assumed</h2>" not in text


def test_where_there_is_no_run_that_is_said(tmp_path: Path):
    ran = report(str(tmp_path / "nowhere"))
    assert ran.exit_code == 2
    assert "there is no run in" in ran.output
