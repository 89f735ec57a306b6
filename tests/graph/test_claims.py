"""`expect` and `require`: what is proved, what is shown of a false claim, what waits for a run."""

from fractions import Fraction

import pytest

from lehr.cli.world import only
from lehr.compiler.graph.claims import Verdict
from lehr.compiler.graph.values import Formula, Ref, Score
from lehr.compiler.plan.lower import lower

SPEC = """\
lehr 1
pipeline recipe {}
corpus web { source = builtin("prose");  tokens = 30B }
tokenizer words { from = [web];  vocab = 1024 }
arch small { layers = 2;  width = 64;  heads = 4;  ffn = 192;  vocab = words.vocab }
init newborn { arch = small;  tokenizer = words }
train first { from = newborn;  data = web;  tokens = 15.6B;  context = 1k;  batch = 64Ki;  lr = 1e-3 ~> 1e-4 by end }
train other { from = first;  data = web;  tokens = 800M;  batch = 64Ki;  lr = first.lr.end }
corpus more { source = builtin("code") }
train switched like first { from = first;  data = web -> more at 50%;  batch = 8 sequences -> 64Ki at 50% }
bench reads { suite = perplexity(web) }
bench asks  { suite = needle() }
"""


def verdicts(journey) -> list[Verdict]:
    return [claim.verdict for claim in journey.views["full"].claims]


@pytest.mark.parametrize(
    ("claim", "expected"),
    [
        ("other.tokens == 5% of first.tokens within 3%", Verdict.HOLDS),
        ("other.tokens == 5% of first.tokens within 2%", Verdict.FALSE),
        ("other.lr.end == 1e-4", Verdict.HOLDS),
        ("first.lr.at(50%) == 5.5e-4", Verdict.HOLDS),
        ("first.context.end == 1k", Verdict.HOLDS),
        ("first.drawn.web == first.tokens within 1%", Verdict.HOLDS),
        ("first.flops < first.flops_with_attention", Verdict.HOLDS),
        (
            "first.flops == 6 flops / 1 params / 1 tokens * small.params * first.tokens within 1%",
            Verdict.HOLDS,
        ),
        ("if small.tied then 1 == 2 else 2 == 2", Verdict.HOLDS),
        ("not (1 == 2) and (1 < 2 or 2 < 1)", Verdict.HOLDS),
        ("first == first", Verdict.HOLDS),
        ("first.data == web", Verdict.HOLDS),
        ("switched.batch.start == 8 sequences and switched.batch.end == 64Ki tokens", Verdict.HOLDS),
        ("switched.data.end == more and switched.data.at(10%) == web", Verdict.HOLDS),
        ("switched.data.end == web", Verdict.FALSE),
        ("first == other", Verdict.FALSE),
        ("sum([1, 2, 3]) == max(4, 6)", Verdict.HOLDS),
        ("[5, 6][2] == 6", Verdict.HOLDS),
        ("other.scores.reads <= first.scores.reads within 1%", Verdict.AT_RUN_TIME),
        ("other.scores.asks - first.scores.asks >= 0", Verdict.AT_RUN_TIME),
        ("first.tokens == first.steps", Verdict.FALSE),
    ],
)
def test_what_becomes_of_a_claim(journey, claim: str, expected: Verdict):
    assert verdicts(journey(f"{SPEC}expect {claim}\n")) == [expected]


def test_a_false_claim_shows_every_value_under_its_part_and_where_it_comes_from(journey):
    (letter,) = journey(SPEC + "expect other.tokens == 5% of first.tokens\n").letters
    assert [(label.span.text, label.text) for label in letter.labels] == [
        ("other.tokens", "800 000 000 tokens"),
        ("5% of first.tokens", "780 000 000 tokens"),
        ("first.tokens", "15 600 000 000 tokens"),
        ("800M", "comes from here"),
        ("15.6B", "comes from here"),
    ]
    assert letter.notes == ("the left side is 2.56% above the right; the claim allows 0%",)


def test_a_score_alone_claims_nothing(journey):
    (letter,) = journey(SPEC + "expect first.scores.reads\n").letters
    assert letter.code == "CLM105"


def test_claims_in_loops_are_judged_in_every_turn(journey):
    loop = "each arm for share in [5%, 6%] { expect other.tokens == share of first.tokens within 3% }\n"
    assert verdicts(journey(SPEC + loop)) == [Verdict.HOLDS, Verdict.FALSE]


def test_gates_and_claims_about_scores_go_into_the_plan(journey):
    spec = SPEC.replace(
        "lr = first.lr.end }", "lr = first.lr.end\n  require reads <= 1.1 * first.scores.reads at end\n}"
    )
    found = journey(spec + "expect other.scores.reads < first.scores.reads within 1%\n")
    assert found.letters == []
    view = found.views["full"]
    gate = view.graph.blocks["other"].gates[0]
    assert gate.left == Score(None, Ref("reads", "bench"))
    assert isinstance(gate.right, Formula)
    required, claimed = lower(view.graph, "full", view.claims).gates
    assert (required.stage, required.at, required.op) == ("other", "end", "<=")
    measured = {"kind": "measure", "model": "other", "bench": "reads", "step": "reads(other)"}
    assert required.left.model_dump() == measured
    assert required.right.op == "*"
    assert (claimed.stage, claimed.op, claimed.within) == ("other", "<", Fraction(1, 100))


@pytest.mark.parametrize(
    ("gate", "expected"),
    [
        ("context = 1k -> 2k at 50%\n  require reads <= 5 at context", []),
        ("require reads <= 5 at context", ["CLM103"]),
        ("require reads <= 5 at 120%", ["CLM103"]),
        ("require reads <= 5 at 50", ["UNI101"]),
        ("require reads <= 5 at 50%", []),
        ("require reads <= 5 within 5% at 10M", []),
        ("require reads <= 5 within 5 steps at end", ["UNI103"]),
        ("require reads <= 5 at lr", ["NAM101"]),
        ("require first.tokens == 1B at end", ["CLM103"]),
        ("require reads at end", ["CLM103"]),
        ("require first.scores.nothing <= 5 at end", ["NAM101"]),
        ("checkpoint { every = 10M;  require reads <= 5 at end }", ["NAM110"]),
    ],
)
def test_what_is_wrong_with_a_gate_is_said(journey, gate: str, expected: list[str]):
    found = journey(SPEC.replace("lr = first.lr.end }", f"lr = first.lr.end\n  {gate}\n}}"))
    assert [letter.code for letter in found.letters] == expected


MOVES = "lr = first.lr.end\n  context = 1k -> 2k at 25% -> 4k at 50%\n  require reads <= 5 at {at}\n}}"


@pytest.mark.parametrize(
    ("at", "shares", "end"),
    [("end", [], True), ("50%", ["1/2"], False), ("context", ["1/2"], True), ("0%", ["0"], False)],
)
def test_a_gate_knows_its_steps(journey, at: str, shares: list[str], end: bool):
    """A move of `context` is asked about when it has been trained at: before the next one, or at the end."""
    found = journey(SPEC.replace("lr = first.lr.end }", MOVES.format(at=at)))
    assert found.letters == []
    plan = lower(found.views["full"].graph)
    (gate,) = plan.gates
    steps = plan.step("other").work.steps
    assert [Fraction(step, steps).limit_denominator(20) for step in gate.steps] == [
        Fraction(one) for one in shares
    ]
    assert (gate.end, gate.left.step) == (end, "reads(other)" if end else None)
    order = [step.address for step in plan.steps]
    assert set(gate.inputs.values()) <= set(order[: order.index("other")])
    assert (set(gate.inputs) >= {"tokenizer"}) == bool(shares)


def test_what_follows_a_gated_stage_comes_after_its_scores(journey):
    spec = SPEC.replace("lr = first.lr.end }", "lr = first.lr.end\n  require reads <= 5 at end\n}")
    after = "train third like other { from = other }\n"
    order = [step.address for step in lower(journey(spec + after).views["full"].graph).steps]
    assert order.index("other") < order.index("reads(other)") < order.index("third")


def test_a_selection_takes_along_what_its_gates_need(journey):
    spec = SPEC.replace(
        "lr = first.lr.end }", "lr = first.lr.end\n  require reads <= first.scores.reads at end\n}"
    )
    plan = lower(journey(spec + "train third like other { from = other }\n").views["full"].graph)
    some = only(plan, {"other"})
    addresses = {step.address for step in some.steps}
    assert addresses >= {"first", "reads(first)", "other", "reads(other)"}
    assert "third" not in addresses
    assert some.gates == plan.gates[:1]
    assert only(plan, {"first"}).gates == ()


def test_a_bench_of_an_import_is_found_by_its_own_name(journey, tmp_path):
    (tmp_path / "house.lehr").write_text("lehr 1\nbench short { suite = needle() }\n")
    spec = SPEC.replace("lehr 1\n", 'lehr 1\nimport "house.lehr" as house\n')
    found = journey(spec + "expect other.scores.short >= first.scores.house.short\n")
    assert found.letters == []
    left, right = found.views["full"].claims[0].sides
    assert left.bench == right.bench == Ref("house.short", "bench")
