"""Whole recipes drawn at random: each is planned, survives its JSON, is costed on every cluster, and can be shown."""

from pathlib import Path

import pytest
from at_random import Draw

from lehr.cli.show_plan import show
from lehr.compiler import compile as compile_spec
from lehr.compiler.plan.compare import Past, decide
from lehr.compiler.plan.model import Plan
from lehr.compiler.plan.outlook import Outlook, outlook


@pytest.mark.parametrize("seed", range(20))
def test_a_recipe_is_planned_costed_and_shown(seed: int, tmp_path: Path):
    path = tmp_path / "recipe.lehr"
    path.write_text(Draw(seed).draw().text())
    plan, _ = compile_spec(str(path))
    assert plan
    assert Plan.model_validate_json(plan.model_dump_json()) == plan
    done: set[str] = set()
    for step in plan.steps:
        assert set(step.inputs.values()) <= done
        done.add(step.address)
    decisions = decide(plan, Past(None, {}, lambda _: False))
    for on in (None, *(name for name, cluster in plan.clusters.items() if cluster.device)):
        found = outlook(plan, decisions, str(path), on=on)
        assert Outlook.model_validate_json(found.model_dump_json()) == found
        assert all(line.address in show(found, everything=True) for line in found.steps)
        assert all(line.flops >= 0 and (line.seconds is None or line.seconds >= 0) for line in found.steps)
