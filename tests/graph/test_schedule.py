"""Timelines laid on steps: the arithmetic that people get wrong."""

from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lehr.compiler.graph.blocks.train import Train
from lehr.compiler.graph.claims import Verdict
from lehr.compiler.graph.phases import Course
from lehr.compiler.graph.values import pieces, value_at
from lehr.compiler.journey import Journey
from lehr.compiler.units import Quantity

PLAIN = "  data = diet\n  lr = 1e-3\n"


def course(journey: Journey) -> Course:
    assert journey.sound
    assert journey.graph is not None
    found = journey.graph.derived.course(journey.graph.of(Train)[-1])
    assert found is not None
    return found


def codes(journey: Journey) -> list[tuple[str, int]]:
    return [(letter.code, letter.span.line if letter.span else 0) for letter in journey.letters]


def test_llama_3s_batch_ramp_comes_to_1_100_928_steps(stage):
    found = course(
        stage(
            PLAIN
            + "  tokens  = 15.6T\n"
            + "  context = 4k -> 8k at 252M\n"
            + "  batch   = 4Mi -> 8Mi at 252M -> 16Mi at 2.87T\n"
        )
    )
    assert [stretch.steps for stretch in found.stretches] == [60, 342_101, 758_767]
    assert [stretch.sequences for stretch in found.stretches] == [1024, 1024, 2048]
    assert found.steps == 1_100_928


def test_the_length_is_rounded_up_once(stage):
    assert course(stage(PLAIN + "  tokens = 10_001 tokens\n  context = 1k\n  batch = 1Ki")).steps == 10


def test_a_length_in_steps_is_taken_as_it_is(stage):
    found = course(
        stage(PLAIN + "  steps = 12\n  context = 64 context -> 128 context at 50%\n  batch = 4 sequences")
    )
    assert [(s.start, s.steps, s.context, s.sequences) for s in found.stretches] == [
        (0, 6, 64, 4),
        (6, 6, 128, 4),
    ]


def test_a_ragged_batch_says_how_many_sequences_it_would_hold(stage):
    journey = stage(PLAIN + "  tokens = 1B\n  context = 4k\n  batch = 4M")
    assert codes(journey) == [("SCH101", 15)]
    letter = journey.letters[0]
    assert letter.notes == ("4 000 000 / 4 096 = 976.56 sequences",)
    assert letter.fix is not None
    assert [edit.text for edit in letter.fix.edits] == ["4Mi"]


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ("  tokens = 1M\n  context = 1k -> 2k at 50% -> 4k at 20%\n  batch = 4Ki", "SCH102"),
        ("  tokens = 1M\n  context = 1k -> 2k at 2M\n  batch = 4Ki", "SCH103"),
        ("  tokens = 1M\n  context = 1k -> 2k at end\n  batch = 4Ki", "SCH103"),
        ("  tokens = 1M\n  batch = 4Ki", "SCH107"),
        ("  tokens = 1M\n  context = 1k ~> 2k by 50%\n  batch = 4Ki", "SCH108"),
        ("  tokens = 1M\n  steps = 10\n  context = 1k\n  batch = 4Ki", "SCH109"),
        ("  context = 1k\n  batch = 4Ki", "SCH109"),
        ("  tokens = 0 tokens\n  context = 1k\n  batch = 4Ki", "SCH110"),
    ],
)
def test_schedules_that_cannot_be(stage, fields: str, code: str):
    assert [found for found, _ in codes(stage(PLAIN + fields))] == [code]


@pytest.mark.parametrize(
    ("lr", "code"),
    [
        ("0 ~> 1e-3 by 50% ~> 1e-4 by 20%", "SCH102"),
        ("1e-3 -> 1e-4 at end", "SCH103"),
        ("0 ~> 1e-3 by 1000 steps", "SCH203"),
        ("0 ~> 1e-3 by 50% via exponential", "SCH106"),
        ("0 ~> 1e-3 by 50% via cosin", "NAM101"),
    ],
)
def test_learning_rates_that_cannot_be(stage, lr: str, code: str):
    journey = stage(f"  data = diet\n  steps = 100\n  context = 1k\n  batch = 4Ki\n  lr = {lr}")
    assert [found for found, _ in codes(journey)] == [code]


def test_values_of_a_stage_can_be_read_back(stage):
    journey = stage(
        "  data = diet\n  steps = 100\n  context = 1k -> 2k at 50%\n  batch = 4Ki\n"
        "  lr = 0 ~> 1e-3 by 10 steps ~> 1e-4 by end via cosine\n",
        more="expect grown.lr.end == 1e-4\nexpect grown.lr.start == 0\nexpect grown.lr.at(5 steps) == 5e-4\n"
        "expect grown.context.end == 2k\nexpect grown.context.at(10%) == 1k\nexpect grown.steps == 100\n"
        "expect grown.tokens == 409_600 tokens\nexpect grown.flops == 6 * 409_600 tokens * small.params / 1 tokens "
        "/ 1 params * 1 flops\n",
    )
    assert codes(journey) == []
    assert journey.claims("full", Verdict.HOLDS) == 8


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
@given(
    tokens=st.integers(min_value=10_000, max_value=10**12),
    points=st.lists(st.integers(min_value=1, max_value=99), min_size=0, max_size=4, unique=True),
)
def test_stretches_cover_the_stage_and_each_boundary_is_the_nearest_step(
    stage, tokens: int, points: list[int]
):
    points = sorted(points)
    legs = "".join(f" -> {2 ** (index + 1)}k at {point}%" for index, point in enumerate(points))
    journey = stage(PLAIN + f"  tokens = {tokens} tokens\n  context = 1k{legs}\n  batch = 32Ki")
    found = course(journey)
    assert found.tokens >= tokens > found.tokens - 32 * 1024
    starts = [stretch.start for stretch in found.stretches]
    assert starts == [
        sum(stretch.steps for stretch in found.stretches[:index]) for index in range(len(starts))
    ]
    wanted = {Fraction(point * tokens, 100 * 32 * 1024) for point in points}
    assert all(any(abs(start - place) <= Fraction(1, 2) for place in wanted) for start in starts[1:])


@given(
    st.lists(st.tuples(st.booleans(), st.fractions(0, 10), st.integers(1, 50)), max_size=6),
    st.integers(1, 200),
)
def test_pieces_leave_no_gap_and_meet_every_target(legs: list[tuple[bool, Fraction, int]], end: int):
    place, laid = 0, []
    for glides, value, gap in legs:
        place += gap
        laid.append((glides, value, Fraction(place), "linear"))
    found = pieces(Fraction(1), laid, Fraction(end))
    assert found[0].start == 0
    assert found[-1].end >= end
    assert all(left.end == right.start for left, right in pairwise(found))
    for _, value, point, _ in laid:
        assert value_at(found, point, Fraction(1)) == value or point >= found[-1].end


def test_a_point_past_a_batch_ramp_is_found_on_the_axis_of_steps(stage):
    found = course(
        stage(PLAIN + "  tokens = 96Ki tokens\n  context = 1k\n  batch = 4Ki -> 8Ki at 32Ki tokens")
    )
    assert found.place(Quantity(Fraction(64 * 1024), (("tokens", 1),))) == 8 + 4


def test_an_epoch_of_a_policy_is_a_pass_over_its_prompts(stage):
    rest = "from = grown;  reference = grown;  judge = shorter;  prompts = asks;  batch = 32 sequences;  lr = 1e-6"
    found = stage(
        "  data = diet;  tokens = 1M;  context = 1k;  batch = 4Ki;  lr = 1e-3",
        more=f"prompts asks {{ examples = 400 }}\nrl four {{ {rest};  epochs = 2;  algorithm = rloo(rollouts: 4) }}\n"
        f"rl alone {{ {rest};  epochs = 2;  algorithm = reinforce }}\n",
    )
    assert found.letters == []
    assert found.graph
    steps = {name: found.graph.derived.course(found.graph.blocks[name]).steps for name in ("four", "alone")}
    assert steps == {"four": 2 * 400 * 4 // 32, "alone": 2 * 400 // 32}
