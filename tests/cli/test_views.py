"""What people read: the plan and the results, kept as golden files."""

from pathlib import Path

import pytest
from pipelines import SPEC

from lehr.cli.results import results
from lehr.cli.show_plan import show
from lehr.compiler import compile as compile_spec
from lehr.compiler.plan.compare import Past, decide
from lehr.compiler.plan.model import Plan
from lehr.compiler.plan.outlook import outlook


@pytest.fixture
def plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Plan:
    monkeypatch.chdir(tmp_path)
    Path("tiny.lehr").write_text(SPEC)
    found, _ = compile_spec("tiny.lehr")
    assert found is not None
    return found


def test_a_plan_of_a_run_half_done(plan: Plan, golden):
    recorded = {step.address: step.fingerprint for step in plan.steps}
    present = {
        fingerprint
        for name, fingerprint in recorded.items()
        if name not in ("grown", "last", "marks(last)", "base")
    }
    recorded["last"] = "0" * 64
    del recorded["base"], recorded["marks(last)"]
    decisions = decide(plan, Past(plan, recorded, present.__contains__))
    golden("plan.txt", show(outlook(plan, decisions, "tiny.lehr")) + "\n")


def test_the_results_of_a_run(plan: Plan, golden):
    def facts(nats: float, right: float) -> dict:
        reads = {"suite": "perplexity", "value": 2.718281828**nats}
        return {"scores": {"reads": reads, "answers": {"suite": "exact_match", "value": right, "asked": 10}}}

    last = {
        **facts(1.5, 0.9),
        "continuations": [{"prompt": "the last of", "text": " q w e is e .\nthe first"}],
    }
    golden("results.txt", results(plan, {"marks(newborn)": facts(6.9, 0.0), "marks(last)": last}) + "\n")
