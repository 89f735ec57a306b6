"""The plan: everything resolved, exactly; addresses that change with results and with nothing else."""

import json
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from lehr.compiler import compile as compile_spec
from lehr.compiler.graph.counts import params
from lehr.compiler.plan.compare import Past, decide
from lehr.compiler.plan.cost.flops import shape
from lehr.compiler.plan.model import Plan, TrainWork

SPEC = """\
lehr 1
pipeline recipe { rng = 3 }
corpus web  { source = builtin("prose") }
corpus code { source = builtin("code") }
tokenizer words { from = [web, code];  vocab = 1024 }
arch small { layers = 2;  width = 64;  heads = 4;  kv_heads = 2;  ffn = 192;  vocab = words.vocab;  tied = true }
init newborn { arch = small;  tokenizer = words }
mix opening { web = 60%;  code = rest }
mix closing { web = 60% ~> 20% by 50%;  code = rest }
mix both { closing = 50%;  code = 50% }
train grown {
  from = newborn
  data = opening -> closing at 50%
  steps = 40
  context = 64 context -> 128 context at 75%
  batch = 512 tokens
  lr = 0 ~> 1e-3 by 4 steps ~> 1e-4 by end via cosine
  checkpoint { every = 10 steps }
}
train last { from = grown;  data = both;  steps = 8;  batch = 512 tokens;  lr = grown.lr.end ~> 0 by end }
bench reads { suite = perplexity(web) }
eval marks { of = [newborn, grown, last];  benches = [reads] }
release base { model = last }
"""


@pytest.fixture
def plan(tmp_path: Path):
    def write(text: str = SPEC, *settings: str) -> Plan:
        path = tmp_path / "recipe.lehr"
        path.write_text(text)
        found, letters = compile_spec(str(path), settings)
        assert [letter for letter in letters if letter.severity == "error"] == []
        assert found is not None
        return found

    return write


def work(plan: Plan, address: str) -> TrainWork:
    found = plan.step(address).work
    assert isinstance(found, TrainWork)
    return found


def prints(plan: Plan) -> dict[str, str]:
    return {step.address: step.fingerprint for step in plan.steps}


def test_steps_come_in_an_order_in_which_they_can_be_run(plan):
    found = plan()
    done: set[str] = set()
    for step in found.steps:
        assert set(step.inputs.values()) <= done
        done.add(step.address)
    assert [step.address for step in found.steps] == [
        "web", "code", "words", "words(web)", "words(code)", "newborn", "marks(newborn)",
        "grown", "marks(grown)", "last", "marks(last)", "base",
    ]  # fmt: skip


def test_phases_are_cut_where_shapes_or_shares_change_their_way(plan):
    phases = work(plan(), "grown").phases
    shares = [{name: (str(s.first), str(s.last)) for name, s in phase.shares.items()} for phase in phases]
    assert [(phase.steps, phase.context, phase.sequences) for phase in phases] == [
        (20, 64, 8),
        (10, 64, 8),
        (10, 128, 4),
    ]
    assert shares == [
        {"web": ("3/5", "3/5"), "code": ("2/5", "2/5")},
        {"web": ("3/5", "1/5"), "code": ("2/5", "4/5")},
        {"web": ("1/5", "1/5"), "code": ("4/5", "4/5")},
    ]


def test_a_step_knows_where_its_course_was_written_to_change(plan):
    found = plan().step("grown")
    said = SPEC.splitlines()
    places = [
        (move.step, move.what, said[move.origin.line - 1][move.origin.column - 1 :][: move.length])
        for move in found.moves
    ]
    assert places == [(20, "data", "closing"), (30, "context", "128 context")]
    assert plan().step("last").moves == ()


def test_mixes_in_mixes_are_multiplied_out(plan):
    first, second = work(plan(), "last").phases
    assert (first.shares["web"].first, first.shares["web"].last) == (Fraction(3, 10), Fraction(1, 10))
    assert second.shares["code"].first == Fraction(9, 10)


def test_a_learning_rate_is_laid_on_whole_steps(plan):
    segments = work(plan(), "grown").lr
    assert [(s.start, s.end, s.first, s.last, s.via) for s in segments] == [
        (0, 4, 0.0, 1e-3, "linear"),
        (4, 40, 1e-3, 1e-4, "cosine"),
    ]
    assert work(plan(), "last").lr[0].first == 1e-4


def test_context_is_inherited(plan):
    assert {phase.context for phase in work(plan(), "last").phases} == {128}


def test_a_plan_survives_its_json(plan):
    found = plan()
    assert Plan.model_validate_json(found.model_dump_json()) == found


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("release base", "# a comment\nrelease base"),
        ("  steps = 40", "  steps  =  40   # forty"),
        ("every = 10 steps", "every = 5 steps"),
        ("mix opening { web = 60%;  code = rest }", "mix opening { web = 0.6;  code = 40% }"),
        ("batch = 512 tokens\n  lr = 0", "batch = 0.5Ki\n  lr = 0"),
        ("pipeline recipe { rng = 3 }", "pipeline renamed { rng = 3 }"),
    ],
)
def test_what_changes_no_result_changes_no_address(plan, old: str, new: str):
    assert old in SPEC
    assert prints(plan(SPEC.replace(old, new))) == prints(plan())


@pytest.mark.parametrize(
    ("setting", "moved"),
    [
        ("last.lr=1e-5", {"last", "marks(last)", "base"}),
        ("last.rng=9", {"last", "marks(last)", "base"}),
        ("grown.steps=44", {"grown", "marks(grown)", "last", "marks(last)", "base"}),
        ("marks.rng=5", {"marks(newborn)", "marks(grown)", "marks(last)"}),
        (
            "small.rope=20_000",
            {"newborn", "marks(newborn)", "grown", "marks(grown)", "last", "marks(last)", "base"},
        ),
    ],
)
def test_what_changes_a_result_changes_its_address_and_all_that_follow(plan, setting: str, moved: set[str]):
    before, after = prints(plan()), prints(plan(SPEC, setting))
    assert {name for name in before if before[name] != after[name]} == moved


def test_decisions_say_why(plan):
    before, after = plan(), plan(SPEC, "last.lr=1e-5")
    done = set(prints(before).values())
    decided = {
        d.step.address: (d.action, d.because)
        for d in decide(after, Past(before, prints(before), done.__contains__))
    }
    assert decided["grown"] == ("keep", "")
    assert decided["last"] == ("again", f"`lr` changed ({after.step('last').origin.path}, line 20)")
    assert decided["base"] == ("again", "its input `last` runs again")
    missing = done - {before.step("words").fingerprint}
    decided = {
        d.step.address: d.because for d in decide(before, Past(before, prints(before), missing.__contains__))
    }
    assert decided["words"] == "its artifact is missing"
    assert {d.action for d in decide(before, Past(None, {}, set().__contains__))} == {"run"}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30, deadline=None)
@given(
    steps=st.integers(1, 300),
    points=st.lists(st.integers(1, 99), max_size=3, unique=True),
    shares=st.lists(st.integers(0, 100), min_size=4, max_size=4),
)
def test_shares_add_up_at_every_cut_and_steps_to_the_stage(
    plan, steps: int, points: list[int], shares: list[int]
):
    legs = "".join(
        f" ~> {share}% by {point}%" for share, point in zip(shares[1:], sorted(points), strict=False)
    )
    text = SPEC.replace("web = 60% ~> 20% by 50%", f"web = {shares[0]}%{legs}").replace(
        "steps = 40", f"steps = {steps}"
    )
    text = text.replace(" -> 128 context at 75%", "").replace("opening -> closing at 50%", "closing")
    phases = work(plan(text.replace("~> 1e-3 by 4 steps", "~> 1e-3 by 1%")), "grown").phases
    assert sum(phase.steps for phase in phases) == steps
    for phase in phases:
        assert sum(share.first for share in phase.shares.values()) == 1
        assert sum(share.last for share in phase.shares.values()) == 1


def test_the_exported_schema_is_the_models():
    schema = Path(__file__).parents[2] / "docs" / "plan.schema.json"
    assert json.loads(schema.read_text()) == Plan.model_json_schema()


@pytest.mark.parametrize("field", ["run", "store"])
def test_a_plan_stays_in_its_folder(plan, field: str):
    document = json.loads(plan().model_dump_json())
    document[field] = "../elsewhere"
    with pytest.raises(ValidationError, match="stays inside"):
        Plan.model_validate(document)


def test_the_plan_counts_parameters_as_the_spec_does(plan):
    init = plan(SPEC + "expect small.params == 164_160 params\n").step("newborn").work
    assert params(shape(init.arch)) == 164_160
