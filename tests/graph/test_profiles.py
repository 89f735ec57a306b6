"""Profiles: what `set`, amending blocks and `scale` make of a spec, and of its claims."""

from fractions import Fraction

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from lehr.compiler.graph.claims import Verdict
from lehr.compiler.graph.views import View
from lehr.compiler.journey import Journey
from lehr.compiler.plan.lower import lower
from lehr.compiler.units import Quantity

SPEC = """\
lehr 1
pipeline recipe {}
param wide: count = 64
corpus web  { source = builtin("prose");  tokens = 2B }
corpus code { source = builtin("code");  tokens = 1B }
tokenizer words { from = [web, code];  vocab = 1024 }
arch small { layers = 2;  width = wide;  heads = 4;  ffn = 192;  vocab = words.vocab }
arch wider like small { width = 128 }
init newborn { arch = small;  tokenizer = words }
mix diet { web = 60%;  code = rest }
train grown {
  from    = newborn
  data    = diet
  tokens  = 1B
  context = 1k -> 4k at 100M
  batch   = 64Ki -> 128Ki at 500M
  lr      = 0 ~> 1e-3 by 1k steps ~> 1e-4 by end via cosine
  checkpoint { every = 100M }
}
sft taught {
  from    = grown
  data    = web
  steps   = 2k
  batch   = 32 sequences
  lr      = 1e-5
}
bench asks { suite = perplexity(web);  context = 4k }
"""
SMALL = """\
profile small {
  scale tokens by 1e-5 floor 4 steps
  scale context by 1/64
  scale batch by 1/1Ki
%s
}
"""
LOOP = """\
repeat post for turn in 1..2 carry model = grown {
  sft next_one like taught { from = model }
  next model = next_one
}
"""


def view(journey: Journey, name: str = "small") -> View:
    assert [str(found.headline) for found in journey.letters if found.severity == "error"] == []
    assert journey.views[name].graph
    return journey.views[name]


def block(journey: Journey, address: str, name: str = "small"):
    return view(journey, name).graph.blocks[address]


def stretches(journey: Journey, address: str = "grown", name: str = "small") -> list[tuple[int, int, int]]:
    found = view(journey, name)
    course = found.graph.derived.course(found.graph.blocks[address])
    return [(s.steps, s.context, s.sequences) for s in course.stretches]


def codes(journey: Journey) -> list[tuple[str, str | None]]:
    return [(found.code, found.profile) for found in journey.letters]


def test_every_phase_keeps_its_floor_and_the_others_their_length(journey):
    # 100M, 500M and 1B tokens become 1 000, 5 000 and 10 000; batches of 64 and 128 tokens.
    assert stretches(journey(SPEC + SMALL % "")) == [(16, 16, 4), (62, 64, 1), (40, 64, 2)]
    raised = journey(SPEC + (SMALL % "").replace("1e-5", "1e-7"))
    assert stretches(raised) == [(4, 16, 4), (4, 64, 1), (4, 64, 2)]


def test_full_scale_is_what_it_was(journey):
    bare = stretches(journey(SPEC), name="full")
    assert stretches(journey(SPEC + SMALL % ""), name="full") == bare


def test_points_in_steps_keep_their_share_of_the_stage(journey):
    found = journey(SPEC + SMALL % "")
    warm_up = block(found, "grown").lr.legs[0].point
    assert warm_up.value == Fraction(1000 * 64 * 1024, 10**9)
    assert warm_up.dims == ()


def test_points_in_steps_keep_their_order_among_points_in_tokens(journey):
    found = journey(SPEC.replace("4k at 100M", "4k at 8k steps") + SMALL % "")
    full, small = stretches(found, name="full"), stretches(found)
    assert [size for _, size, _ in small] == [size // 64 for _, size, _ in full]


def test_points_of_rates_move_with_the_phases_that_a_floor_lengthens(journey):
    spec = SPEC.replace("0 ~> 1e-3 by 1k steps ~> 1e-4 by end via cosine", "0 ~> 1e-3 by 10% ~> 1e-4 by end")
    found = journey(spec + (SMALL % "").replace("1e-5", "1e-7"))
    course = view(found).graph.derived.course(block(found, "grown"))
    first, _ = block(found, "grown").lr.legs
    assert course.place(first.point) == course.stretches[0].end


def test_intervals_in_steps_keep_their_share_too(journey):
    found = journey(SPEC.replace("every = 100M", "every = 1k steps") + SMALL % "")
    whole = sum(steps for steps, _, _ in stretches(found, name="full"))
    assert block(found, "grown").checkpoint.every == Quantity(Fraction(1000, whole))
    course = view(found).graph.derived.course(block(found, "grown"))
    assert course.interval(block(found, "grown").checkpoint.every) == round(1000 / whole * course.steps)


def test_percentages_counts_and_rates_never_scale(journey):
    found = journey(SPEC + SMALL % "")
    assert block(found, "small").layers == 2
    assert block(found, "grown").lr.legs[0].value.value == Fraction(1, 1000)
    assert block(found, "diet").shares["web"].start.value == Fraction(60, 100)


def test_data_shrinks_with_the_stages_that_read_it(journey):
    found = journey(SPEC + SMALL % "")
    assert block(found, "web").tokens.value == 20_000
    assert block(found, "grown").tokens.value == 10_000
    assert block(found, "asks").context == 64


def test_batches_in_sequences_are_tokens_at_full_scale(journey):
    # 32 sequences of 4 096 are 131 072 tokens; a 1 024th are 128, or 2 sequences of 64.
    assert stretches(journey(SPEC + SMALL % ""), "taught") == [(2000, 64, 2)]


def test_lengths_in_steps_have_a_scale_of_their_own(journey):
    more = "  scale steps by 1/1000 floor 4 steps"
    assert stretches(journey(SPEC + SMALL % more), "taught") == [(4, 64, 2)]


def test_set_reaches_params_fields_kinds_and_loops(journey):
    more = "  set wide = 128\n  set grown.checkpoint.every = 10 steps\n  set corpus[*].tokens = 3B\n"
    more += "  set post.next_one.steps = 7\n"
    found = journey(SPEC + LOOP + "profile small {\n" + more + "}\n")
    assert block(found, "small").width == 128
    assert block(found, "grown").checkpoint.every.value == 10
    assert block(found, "code").tokens.value == 3 * 10**9
    assert [block(found, f"post[{i}].next_one").steps.value for i in (1, 2)] == [7, 7]
    assert block(found, "small", "full").width == 64


def test_a_block_in_a_profile_amends_the_block_of_that_name(journey):
    more = "  arch small { layers = 1;  width = 32 }\n  train grown { checkpoint { keep = 5 } }"
    found = journey(SPEC + "profile small {\n" + more + "\n}\n")
    assert (block(found, "small").layers, block(found, "small").ffn) == (1, 192)
    assert block(found, "grown").checkpoint.keep == 5
    assert block(found, "grown").checkpoint.every.value == 10**8


def test_what_is_like_an_amended_block_follows_it(journey):
    found = journey(SPEC + "profile small { arch small { ffn = 96 } }\n")
    assert (block(found, "wider").ffn, block(found, "wider").width) == (96, 128)


def test_a_profile_like_another_adds_to_it_and_wins(journey):
    found = journey(SPEC + SMALL % "  set wide = 32" + "profile night like small { set wide = 16 }\n")
    assert block(found, "small", "small").width == 32
    assert block(found, "small", "night").width == 16
    assert stretches(found, name="night") == stretches(found, name="small")


def test_the_command_line_wins_over_the_profile(journey):
    found = journey(SPEC + "profile small { set wide = 32 }\n", "wide=16")
    assert (block(found, "small").width, block(found, "small", "full").width) == (16, 16)


def test_only_the_profiles_asked_for_are_looked_at(tmp_path):
    from lehr.compiler.journey import travel

    path = tmp_path / "recipe.lehr"
    path.write_text(SPEC + "profile small { set widd = 32 }\nprofile other { set wide = 32 }\n")
    assert codes(travel(str(path), (), ("full",))) == [("LIN301", None)]
    assert ("PRF101", "small") in codes(travel(str(path), (), ("small",)))
    assert ("PRF105", None) in codes(travel(str(path), (), ("huge",)))


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("set widd = 1", "PRF101"),
        ("set grown.lrr = 1", "NAM102"),
        ("set words.vocab = 1k tokens", "UNI103"),
        ("set corpse[*].tokens = 1B", "PRF101"),
        ("arch smal { layers = 1 }", "PRF101"),
        ("small { layers = 1 }", "PRF101"),
        ("set small = 1", "PRF101"),
        ("scale tokens by 1/2 floor 2.5 steps", "UNI105"),
        ('scale tokens by 1/2 floor "a"', "UNI103"),
        ("mix small { web = 100% }", "PRF101"),
        ("scale toknes by 1/2", "PRF103"),
        ("scale tokens by 0", "UNI107"),
        ("scale tokens by 5 tokens", "UNI103"),
        ("scale batch by 1/1Ki", "PRF102"),
        ("scale context by 1/3000", "PRF104"),
        ("let x = 1", "NAM110"),
        ("expect 1 == 1", "NAM110"),
        ("arch small { expect 1 == 1 }", "NAM110"),
    ],
)
def test_what_is_wrong_in_a_profile_is_said_under_its_name(journey, statement: str, expected: str):
    found = journey(SPEC + f"profile small {{ {statement} }}\n")
    assert (expected, "small") in codes(found)
    assert {profile for _, profile in codes(found)} == {"small"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("profile a like b {}", "NAM101"),
        ("profile a like a {}", "LIN101"),
        ("profile full {}", "NAM104"),
        ("profile a {}\nprofile a {}", "NAM104"),
        ("set wide = 1", "NAM110"),
        ("scale tokens by 1/2", "NAM110"),
    ],
)
def test_what_is_wrong_with_a_profile_itself(journey, text: str, expected: str):
    assert expected in [code for code, _ in codes(journey(SPEC + text + "\n"))]


def test_the_letter_of_a_batch_that_is_too_small_blames_both_scales(journey):
    found = journey(SPEC + (SMALL % "").replace("1/64", "1/2"))
    letter = next(one for one in found.letters if one.code == "PRF102")
    assert [label.span.text for label in letter.labels[2:]] == [
        "scale context by 1/2",
        "scale batch by 1/1Ki",
    ]


# ---- claims ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("claim", "expected"),
    [
        ("grown.tokens == 50% of web.tokens", Verdict.HOLDS),
        ("grown.tokens == 1B", Verdict.NOT_ASKED),
        ("small.width == 64", Verdict.NOT_ASKED),
        ("grown.lr.end == 1e-4", Verdict.HOLDS),
        ("grown.steps <= 16 * 1000 steps", Verdict.NOT_ASKED),
    ],
)
def test_claims_under_a_profile(journey, claim: str, expected: Verdict):
    found = journey(SPEC + f"expect {claim} within 30%\n" + SMALL % "  set wide = 32")
    assert [one.verdict for one in view(found).claims] == [expected]


def test_a_claim_that_only_a_floor_breaks_is_bent(journey):
    first = "train first like grown { tokens = 500M;  context = 1k;  batch = 64Ki;  lr = 1e-3 }\n"
    other = "train other like first { tokens = 1B }\n"
    profile = (SMALL % "").replace("floor 4 steps", "floor 120 steps")
    found = journey(SPEC + first + other + "expect first.steps == 50% of other.steps within 2%\n" + profile)
    assert [one.verdict for one in view(found).claims] == [Verdict.BENT]
    assert ("PRF301", "small") in codes(found)


def test_a_ratio_that_uneven_scaling_breaks_is_false(journey):
    claim = "expect grown.steps == 5.72 * taught.steps within 1%\n"
    profile = "profile small { scale tokens by 1e-2 }\n"
    found = journey(SPEC + claim + profile)
    assert found.views["small"].claims[0].verdict is Verdict.FALSE
    assert ("CLM101", "small") in codes(found)


def test_a_scaled_profile_enforces_only_its_own_gates(journey):
    bench = "bench reads { suite = perplexity(web) }\n"
    spec = SPEC.replace("  steps   = 2k", "  steps   = 2k\n  require reads <= 5 at 50%") + bench
    own = "  sft taught { require reads <= 900 at end }"
    found = journey(spec + SMALL % own + "profile same { set small.layers = 1 }\n")
    gates = {name: lower(of.graph, name, of.claims).gates for name, of in found.views.items()}
    enforced = {name: [(gate.at, gate.enforced) for gate in all_of] for name, all_of in gates.items()}
    assert [enforced_ for _, enforced_ in enforced["full"]] == [True]
    assert [enforced_ for _, enforced_ in enforced["same"]] == [True]
    assert [enforced_ for _, enforced_ in enforced["small"]] == [False, True]


def test_plain_numbers_beside_quantities_are_amounts_too(journey):
    claims = "expect grown.steps >= 10_000\nlet want = 15_259\nexpect grown.steps == want within 30%\n"
    assert [one.verdict for one in view(journey(SPEC + claims + SMALL % "")).claims] == [
        Verdict.NOT_ASKED
    ] * 2


def test_a_claim_about_a_round_that_the_profile_has_not_is_not_asked(journey):
    spec = SPEC.replace("param wide", "param turns: count = 2\nparam wide") + LOOP.replace("1..2", "1..turns")
    found = journey(
        spec + "expect post[2].next_one.params == grown.params\nprofile small { set turns = 1 }\n"
    )
    assert [one.verdict for one in view(found).claims] == [Verdict.NOT_ASKED]


def test_a_claim_about_the_scores_of_a_round_that_the_profile_has_not_is_not_asked(journey):
    spec = SPEC.replace("param wide", "param turns: count = 2\nparam wide") + LOOP.replace("1..2", "1..turns")
    bench = "bench reads { suite = perplexity(web) }\nprofile small { set turns = 1 }\n"
    for claim, expected in (
        ("post[2].next_one.scores.reads <= grown.scores.reads", Verdict.NOT_ASKED),
        ("post[1].next_one.scores.reads <= grown.scores.reads", Verdict.AT_RUN_TIME),
    ):
        found = journey(spec + f"expect {claim}\n" + bench)
        assert [one.verdict for one in view(found).claims] == [expected]


def test_a_let_keeps_its_constants(journey):
    let = "let chinchilla = 20 tokens / 1 params\nexpect grown.tokens >= 2 * chinchilla * small.body_params\n"
    found = journey(SPEC + let + SMALL % "")
    assert view(found).claims[0].verdict is Verdict.NOT_ASKED


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    down=st.integers(1, 10**9),
    context=st.sampled_from([1, 2, 4, 8, 16]),
    batch=st.sampled_from([1, 2, 4, 8, 16]),
    floor=st.integers(1, 50),
)
def test_any_scale_keeps_the_order_of_phases_and_their_floor(
    journey, down: int, context: int, batch: int, floor: int
):
    assume(batch <= 64)
    profile = f"profile small {{\n  scale tokens by 1/{down} floor {floor} steps\n"
    profile += f"  scale context by 1/{context}\n  scale batch by 1/{batch}\n}}\n"
    found = stretches(journey(SPEC + profile))
    assert [size for _, size, _ in found] == [1024 // context, 4096 // context, 4096 // context]
    assert all(steps >= floor for steps, _, _ in found)
