"""The drafts of the reference recipes: they check, and come to the numbers of the reports."""

import shutil
from pathlib import Path

import pytest

from lehr.compiler.graph.blocks.trained import Trained
from lehr.compiler.graph.claims import Verdict
from lehr.compiler.graph.counts import params, shape
from lehr.compiler.graph.phases import Course
from lehr.compiler.graph.views import View
from lehr.compiler.journey import Journey, travel

ROOT = Path(__file__).parent.parent.parent
SPECS = {path.stem: path for path in (ROOT / "specs").glob("*.lehr")}
SPECS["pieces"] = Path(__file__).parent / "specs" / "pieces.lehr"
RECIPES = ("llama3", "qwen2", "gemma2", "afm")


@pytest.fixture(scope="module")
def journeys(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Journey]:
    folder = tmp_path_factory.mktemp("specs")
    shutil.copytree(ROOT / "specs", folder, dirs_exist_ok=True)
    shutil.copy(SPECS["pieces"], folder)
    return {name: travel(str(folder / f"{name}.lehr")) for name in SPECS}


def course(view: View, address: str) -> Course:
    assert view.graph
    stage = view.graph.blocks[address]
    assert isinstance(stage, Trained)
    found = view.graph.derived.course(stage)
    assert found
    return found


def steps(view: View, address: str) -> list[int]:
    """Steps by shape of batch; a change of the mix alone is no new shape."""
    shapes: dict[tuple[int, int], int] = {}
    for stretch in course(view, address).stretches:
        key = (stretch.context, stretch.sequences)
        shapes[key] = shapes.get(key, 0) + stretch.steps
    return list(shapes.values())


@pytest.mark.parametrize("name", SPECS)
def test_a_recipe_has_no_errors_at_full_scale_or_under_its_profile(journeys: dict[str, Journey], name: str):
    journey = journeys[name]
    assert [(found.code, str(found.span)) for found in journey.letters if found.severity == "error"] == []
    assert all(view.graph for view in journey.views.values())


@pytest.mark.parametrize("name", RECIPES)
def test_every_claim_of_a_recipe_holds(journeys: dict[str, Journey], name: str):
    verdicts = {claim.verdict for claim in journeys[name].views["full"].claims}
    assert verdicts == {Verdict.HOLDS}
    again = {claim.verdict for claim in journeys[name].views["rehearsal"].claims}
    assert again <= {Verdict.HOLDS, Verdict.NOT_ASKED}


def test_llama_3_comes_to_the_steps_of_its_report(journeys: dict[str, Journey]):
    full = journeys["llama3"].views["full"]
    assert steps(full, "pretrain") == [60, 342_101, 758_767]
    assert course(full, "pretrain").steps == 1_100_928
    assert course(full, "anneal").steps == 3
    assert full.graph
    assert len([name for name in full.graph.blocks if name.startswith("post[")]) == 6 * (2 + 3 * 2 + 1)


def test_llama_3_rehearses_every_phase(journeys: dict[str, Journey]):
    small = journeys["llama3"].views["rehearsal"]
    assert steps(small, "pretrain") == [4, 112, 249]
    assert [s.context for s in course(small, "long_context").stretches] == [32, 64, 128, 192, 256, 384, 512]
    assert {s.steps for s in course(small, "long_context").stretches} == {4}
    assert course(small, "anneal").steps == 4
    assert small.graph
    assert sum(name.startswith("post[") for name in small.graph.blocks) == 2 * 9


@pytest.mark.parametrize(
    ("recipe", "arch", "expected"),
    [
        ("llama3", "dense_405b", 405_853_388_800),
        ("qwen2", "dense_7b", 7_615_616_512),
        ("qwen2", "moe_57b", 57_408_658_944),
        ("gemma2", "big_27b", 27_227_718_144),
        ("gemma2", "small_2b", 2_614_636_800),
        ("afm", "device_3b", 2_737_739_264),
    ],
)
def test_the_archs_of_the_recipes_have_the_published_size(
    journeys: dict[str, Journey], recipe: str, arch: str, expected: int
):
    graph = journeys[recipe].graph
    assert graph
    assert params(shape(graph.blocks[arch])) == expected  # pyright: ignore[reportArgumentType]


def test_a_gate_needs_its_bench_and_the_models_that_it_compares(journeys: dict[str, Journey]):
    graph = journeys["llama3"].graph
    assert graph
    assert {"pretrain", "house.short", "house.needle"} <= set(graph.blocks["long_context"].needs())
    (first, second) = graph.blocks["long_context"].gates
    assert (first.at, first.within, second.op) == ("context", first.within, "==")
    assert graph.blocks["post[2].blend"].gates[0].right.model.address == "post[1].blend"


def test_where_a_number_comes_from_stays_with_its_field(journeys: dict[str, Journey]):
    graph = journeys["llama3"].graph
    assert graph
    assert graph.blocks["pretrain"].remarks["data"] == "assumed: the point of change"
    assert graph.blocks["pretrain"].remarks["tokens"] == "source: §3.2"


def test_what_a_profile_changed_stays_with_its_field(journeys: dict[str, Journey]):
    graph = journeys["llama3"].views["rehearsal"].graph
    assert graph
    (change,) = graph.blocks["pretrain"].changes["tokens"]
    assert change.startswith("scale tokens by 1e-8 floor 4 steps (line ")
    assert "tokens" not in graph.blocks["newborn"].changes
