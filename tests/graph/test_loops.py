"""`repeat` and `each`: what they unroll to, how their turns are called, and what is wrong with them."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lehr.compiler.graph.loops import MOST
from lehr.compiler.graph.values import Ref
from lehr.compiler.journey import Journey

TUNE = "train tuned { from = model;  data = web;  steps = turn;  context = 1k;  batch = 4Ki;  lr = 1e-3 }"
START = """\
lehr 1
pipeline recipe {}
corpus web { source = builtin("prose") }
tokenizer words { from = [web];  vocab = 1024 }
arch small { layers = 2;  width = 64;  heads = 4;  ffn = 192;  vocab = words.vocab }
init newborn { arch = small;  tokenizer = words }
"""
ROUNDS = (
    START + f"repeat post for turn in 1..3 carry model = newborn {{\n  {TUNE}\n  next model = tuned\n}}\n"
)


def addresses(journey: Journey) -> list[str]:
    assert [str(found) for found in journey.letters] == []
    assert journey.graph
    return [name for name in journey.graph.blocks if "[" in name]


def codes(journey: Journey) -> list[str]:
    return [found.code for found in journey.letters]


def test_each_round_starts_from_what_the_one_before_carried_on(journey):
    found = journey(ROUNDS)
    assert addresses(found) == ["post[1].tuned", "post[2].tuned", "post[3].tuned"]
    origins = [found.graph.blocks[name].origin.address for name in addresses(found)]
    assert origins == ["newborn", "post[1].tuned", "post[2].tuned"]


def test_after_the_loop_its_name_holds_what_was_carried_last(journey):
    found = journey(ROUNDS + "release best { model = post.model }\nrelease first { model = post[1].tuned }\n")
    assert found.graph.blocks["best"].model == Ref("post[3].tuned", "train")
    assert found.graph.blocks["first"].model == Ref("post[1].tuned", "train")


def test_no_round_leaves_what_it_was_given(journey):
    found = journey(ROUNDS.replace("1..3", "1..0") + "release best { model = post.model }\n")
    assert found.graph.blocks["best"].model == Ref("newborn", "init")


def test_two_carries_change_places(journey):
    spec = START + "init other { arch = small;  tokenizer = words;  rng = 1 }\n"
    spec += "repeat swap for turn in 1..3 carry a = newborn, b = other { next a = b\n next b = a\n"
    spec += TUNE.replace("model", "a") + " }\n"
    found = journey(spec + "release end { model = swap.a }\n")
    assert found.graph.blocks["end"].model == Ref("other", "init")


def test_each_runs_side_by_side_and_star_names_all_of_them(journey):
    spec = START + f"each width for turn in [3, 5] {{ {TUNE.replace('model', 'newborn')} }}\n"
    found = journey(spec + "merge blend { of = width[*].tuned }\n")
    assert addresses(found) == ["width[1].tuned", "width[2].tuned"]
    assert [ref.address for ref in found.graph.blocks["blend"].of] == addresses(found)


def test_loops_inside_loops_have_addresses_of_both(journey):
    inner = f"each arm for turn in [a, 2 * a] {{ {TUNE.replace('model', 'newborn')} }}"
    found = journey(
        START + f"each outer for a in 1..2 {{ {inner} }}\nrelease r {{ model = outer[2].arm[1].tuned }}\n"
    )
    assert addresses(found) == [f"outer[{i}].arm[{j}].tuned" for i in (1, 2) for j in (1, 2)]
    assert found.graph.blocks["outer[2].arm[2].tuned"].steps.value == 4


def test_names_of_a_turn_are_read_from_inside_first_and_from_the_file_next(journey):
    spec = (
        START
        + "let base = 7\n"
        + ROUNDS[len(START) :]
        .replace("steps = turn", "steps = longer")
        .replace("next model", "let longer = base + turn\n  next model")
    )
    found = journey(spec)
    assert [found.graph.blocks[name].steps.value for name in addresses(found)] == [8, 9, 10]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("  next model = tuned\n", "", "LIN105"),
        ("next model", "next modle", "NAM110"),
        ("1..3", "1..tuned", "LIN104"),
        ("1..3", "newborn", "NAM107"),
        ("1..3", "1..1.5", "NAM107"),
        ("1..3", "1..99_999_999", "LIN108"),
        ("for turn", "for web", "NAM104"),
        ("train tuned", "train newborn", "NAM104"),
        ("carry model = newborn", "carry model = post.model", "LIN101"),
        ("lr = 1e-3", "lr = post[9].tuned.lr.end", "NAM112"),
        ("next model = tuned", "next model = tuned\n  next model = tuned", "NAM104"),
        ("next model = tuned", "next model = tuned\n  require web >= 1 at end", "NAM110"),
    ],
)
def test_what_is_wrong_with_a_loop_is_said(journey, old: str, new: str, expected: str):
    assert expected in codes(journey(ROUNDS.replace(old, new)))


def test_a_name_inside_a_loop_needs_its_turn_outside(journey):
    found = journey(ROUNDS + "release r { model = tuned }\nrelease s { model = post.tuned }\n")
    assert codes(found) == ["LIN104", "LIN104"]
    assert found.letters[0].help == ("say of which turn: `post[1].tuned`",)


def test_the_same_fault_in_every_round_is_one_letter(journey):
    found = journey(ROUNDS.replace("batch = 4Ki", "batch = 4000 tokens"))
    assert codes(found) == ["SCH101"]
    assert found.letters[0].notes[-1] == "the same in 2 more turns"


def test_a_list_may_be_empty_so_that_nothing_is_made(journey):
    found = journey(START + f"each none for turn in [] {{ {TUNE.replace('model', 'newborn')} }}\n")
    assert addresses(found) == []


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(outer=st.integers(0, 10**9), inner=st.integers(0, 10**9))
def test_unrolling_ends_within_its_bound(journey, outer: int, inner: int):
    spec = START + f"each a for i in 1..{outer} {{ each b for j in 1..{inner} {{ let x = i + j }} }}\n"
    found = journey(spec)
    assert codes(found) in ([], ["LIN108"])
    if outer * max(1, inner) > MOST:
        assert "LIN108" in codes(found)
