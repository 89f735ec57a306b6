"""One axis of tokens for a model's whole training: exact places, a chart for the terminal, an SVG."""

from fractions import Fraction
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lehr.cli.show_timeline import show_timeline
from lehr.cli.timeline_svg import svg
from lehr.compiler import compile as compile_spec
from lehr.compiler.plan.model import Plan, rate
from lehr.compiler.plan.timeline import timeline

RECIPES = ("llama3", "qwen2", "gemma2", "afm", "quickstart")


def plan(recipe: str) -> Plan:
    found, _ = compile_spec(f"specs/{recipe}.lehr")
    assert found
    return found


@pytest.fixture(scope="module")
def llama() -> Plan:
    return plan("llama3")


@pytest.mark.parametrize("recipe", RECIPES)
def test_the_chart_of_a_recipe(recipe: str, golden):
    golden(f"timeline_{recipe}.txt", show_timeline(timeline(plan(recipe)), 110) + "\n")


def test_without_unicode_the_chart_is_ascii(llama: Plan):
    assert show_timeline(timeline(llama), 80, unicode=False).replace("→", "").replace("…", "").isascii()


def test_stages_follow_each_other_without_a_gap(llama: Plan):
    line = timeline(llama)
    assert [stage.address for stage in line.stages] == ["pretrain", "long_context", "anneal"]
    for before, after in zip(line.stages, line.stages[1:], strict=False):
        assert before.start + before.tokens == after.start
    assert line.tokens == sum(llama.step(stage.address).work.tokens for stage in line.stages)


def test_a_model_may_be_named_and_what_was_never_trained_is_refused(llama: Plan):
    line = timeline(llama, "post[1].attempt[1].aligned")
    assert [stage.kind for stage in line.stages] == ["train", "train", "train", "sft", "dpo"]
    with pytest.raises(KeyError):
        timeline(llama, "newborn")


@given(stage=st.integers(0, 2), part=st.fractions(0, 1))
def test_at_every_token_shares_are_whole_and_the_rate_is_the_plans(llama: Plan, stage: int, part: Fraction):
    found = timeline(llama).stages[stage]
    moment = found.at(part * found.tokens)
    assert sum(moment.shares.values()) == 1
    rates = [one.first for one in found.work.lr] + [one.last for one in found.work.lr]
    assert min(rates) * 0.999 <= moment.lr <= max(rates) * 1.001


def test_borders_of_phases_are_exact(llama: Plan):
    stage = timeline(llama).stages[1]
    for place, end in enumerate(stage.ends[:-1]):
        assert stage.at(end - 1).context == stage.work.phases[place].context
        assert stage.at(end).context == stage.work.phases[place + 1].context
    assert stage.at(0).lr == rate(stage.work.lr, 0)


@pytest.mark.parametrize("recipe", RECIPES)
def test_the_svg_is_whole_and_names_every_stage_and_corpus(recipe: str):
    line = timeline(plan(recipe))
    root = ElementTree.fromstring(svg(line, "<a title>"))
    texts = {one.text for one in root.iter("{http://www.w3.org/2000/svg}text")}
    assert {stage.address for stage in line.stages} | set(line.corpora) <= texts
    assert "script" not in svg(line, "x")
    wide = float(root.attrib["viewBox"].split()[2])
    points = [one.attrib["points"] for one in root.iter() if "points" in one.attrib]
    assert all(0 <= float(pair.split(",")[0]) <= wide for some in points for pair in some.split())


def test_a_plan_without_training_has_no_timeline():
    empty = Plan(lehr="0", pipeline="p", profile="full", run="r", store="s", steps=())
    assert show_timeline(timeline(empty)) == "No stage here trains in steps that are known before the run."
