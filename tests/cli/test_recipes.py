"""What `lehr plan` says of the reference recipes at full scale, as a person reads it."""

import json
from pathlib import Path

import pytest

from lehr.cli.show_fit import nearest_that_fit, show_fit
from lehr.cli.show_plan import beside, show
from lehr.compiler import compile as compile_spec
from lehr.compiler.plan.compare import Past, decide
from lehr.compiler.plan.outlook import Outlook, outlook

RECIPES = ("llama3", "qwen2", "gemma2", "afm")
NOTHING = Past(None, {}, lambda _: False)


def looked(recipe: str, on: str | None = None, profile: str = "full") -> tuple[Outlook, object]:
    plan, _ = compile_spec(f"specs/{recipe}.lehr", profile=profile)
    assert plan
    return outlook(plan, decide(plan, NOTHING), f"specs/{recipe}.lehr", on=on), plan


@pytest.mark.parametrize("recipe", RECIPES)
def test_the_plan_of_a_recipe(recipe: str, golden):
    found, _ = looked(recipe, "h100x16384" if recipe == "llama3" else None)
    golden(f"plan_{recipe}.txt", show(found) + "\n")


def test_full_scale_beside_a_profile(golden):
    (_, full), (_, scaled) = looked("llama3"), looked("llama3", profile="rehearsal")
    golden("plan_llama3_rehearsal.txt", beside(full, scaled) + "\n")


def test_layouts_that_fit(golden):
    _, plan = looked("llama3")
    golden("fit_llama3.txt", show_fit(plan, "h100x16384") + "\n")


def test_what_does_not_fit_names_the_largest_term_and_what_would():
    plan, _ = compile_spec("specs/llama3.lehr", ("h100x16384.count=512",))
    assert plan
    cluster = plan.clusters["h100x16384"].model_copy(update={"meshes": ()})
    plan = plan.model_copy(update={"clusters": {"small": cluster}})
    found = outlook(plan, decide(plan, NOTHING), "x", on="small")
    line = next(one for one in found.steps if one.address == "long_context")
    assert line.memory
    assert "most of it" in line.fault
    assert max(line.memory.terms, key=line.memory.terms.__getitem__) in line.fault
    assert nearest_that_fit(plan, "small", plan.step("long_context"))[0].startswith(
        "nearest layouts that fit: "
    )


def test_the_table_and_the_json_are_one_object():
    found, _ = looked("qwen2")
    assert Outlook.model_validate_json(json.dumps(found.model_dump(mode="json"))) == found
    told = show(found, everything=True)
    assert all(line.address in told for line in found.steps)
    assert Path("specs/qwen2.lehr").is_file()
