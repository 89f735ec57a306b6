"""Choosing steps: what every term names, and laws that hold on any graph."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lehr.compiler.tools.select import Unselected, select

INPUTS = {
    "web": [],
    "newborn": [],
    "pretrain": ["newborn", "web"],
    "anneal": ["pretrain", "web"],
    "post[1].judge": ["anneal"],
    "post[1].each[1].tuned": ["anneal", "post[1].judge"],
    "post[1].each[2].tuned": ["anneal", "post[1].judge"],
    "post[1].blend": ["post[1].each[1].tuned", "post[1].each[2].tuned"],
    "post[2].judge": ["anneal"],
    "post[2].each[1].tuned": ["post[1].blend", "post[2].judge"],
    "post[2].each[2].tuned": ["post[1].blend", "post[2].judge"],
    "post[2].blend": ["post[2].each[1].tuned", "post[2].each[2].tuned"],
    "base": ["anneal"],
}
KINDS = {
    "web": "corpus",
    "newborn": "init",
    "pretrain": "train",
    "anneal": "train",
    "base": "release",
    **{name: "reward" for name in INPUTS if name.endswith("judge")},
    **{name: "sft" for name in INPUTS if name.endswith("tuned")},
    **{name: "merge" for name in INPUTS if name.endswith("blend")},
}
STATES = dict.fromkeys(INPUTS, "done") | {"anneal": "changed"}
POST = {name for name in INPUTS if name.startswith("post")}
SECOND = {name for name in POST if name.startswith("post[2]")}
TUNED = {name for name in POST if name.endswith("tuned")}


@pytest.mark.parametrize(
    ("term", "expected"),
    [
        ("anneal", {"anneal"}),
        ("anneal+", {"anneal", "base", *POST}),
        ("+anneal", {"anneal", "pretrain", "newborn", "web"}),
        ("1+anneal", {"anneal", "pretrain", "web"}),
        ("0+anneal", {"anneal"}),
        ("newborn+2", {"newborn", "pretrain", "anneal"}),
        ("1+pretrain+1", {"newborn", "web", "pretrain", "anneal"}),
        ("+anneal+", set(INPUTS)),
        ("post", POST),
        ("post[2]", SECOND),
        ("post[*]", POST),
        ("post[2..9].judge", {"post[2].judge"}),
        ("post[1..2].judge", {"post[1].judge", "post[2].judge"}),
        ("post[2].each", SECOND & TUNED),
        ("post[*].each[2]", {"post[1].each[2].tuned", "post[2].each[2].tuned"}),
        ("judge", {"post[1].judge", "post[2].judge"}),
        ("each[1]", {"post[1].each[1].tuned", "post[2].each[1].tuned"}),
        ("1+blend", {"post[1].blend", "post[2].blend", *TUNED}),
        ("*judge", {"post[1].judge", "post[2].judge"}),
        ("p*n", {"pretrain"}),
        ("*", set(INPUTS)),
        ("kind:sft", TUNED),
        ("kind:sft,post[2]", SECOND & TUNED),
        ("kind:sft post[2]", TUNED | SECOND),
        ("kind:init+1", {"newborn", "pretrain"}),
        ("state:changed", {"anneal"}),
        ("state:changed+", {"anneal", "base", *POST}),
        ("state:failed", set()),
    ],
)
def test_a_term_names(term: str, expected: set[str]):
    assert select([term], [], INPUTS, KINDS, STATES) == expected


def test_nothing_wanted_is_everything_and_exclude_takes_away():
    assert select([], [], INPUTS, KINDS) == set(INPUTS)
    assert select([" "], ["post"], INPUTS, KINDS) == set(INPUTS) - POST
    assert select(["+anneal"], ["web newborn"], INPUTS, KINDS) == {"anneal", "pretrain"}


def test_inputs_that_are_no_steps_are_not_followed():
    assert select(["+a"], [], {"a": ["outside"]}, {}) == {"a"}


@pytest.mark.parametrize(
    ("term", "sentence", "near"),
    [
        ("aneal", "nothing is called `aneal`; did you mean `anneal`?", ("anneal",)),
        ("blnd+", "nothing is called `blnd`; did you mean `blend`?", ("blend",)),
        ("post[3]", "nothing is called `post[3]`", None),
        ("post[x]", "nothing is called `post[x]`", None),
        ("kind:sftt", "nothing here is a `sftt`; did you mean `sft`?", ("sft",)),
        ("state:chnaged", "there is no state `chnaged`; did you mean `changed`?", ("changed",)),
        ("kidn:sft", "there is no method `kidn:`; did you mean `kind`?", ("kind",)),
        ("+", "`+` names nothing", ()),
        ("anneal,", "a name is missing beside a comma", ()),
        ("9999999999+anneal", "nothing is called", None),
    ],
)
def test_what_names_nothing_says_so(term: str, sentence: str, near: tuple[str, ...] | None):
    with pytest.raises(Unselected) as caught:
        select([term], [], INPUTS, KINDS, STATES)
    assert str(caught.value).startswith(sentence)
    assert near is None or caught.value.near == near


def test_states_are_not_known_everywhere():
    with pytest.raises(Unselected, match="no states are known"):
        select(["state:changed"], [], INPUTS, KINDS)


# ---- laws ----------------------------------------------------------------------------------

NAMES = [f"s{number}" for number in range(8)]


@st.composite
def graphs(draw: st.DrawFn) -> dict[str, list[str]]:
    """Steps that read steps before them."""
    return {
        name: draw(st.lists(st.sampled_from(NAMES[:place]), unique=True)) if place else []
        for place, name in enumerate(NAMES)
    }


terms = st.builds(
    lambda up, name, down: f"{up}{name}{down}",
    st.sampled_from(["", "+", "1+", "2+"]),
    st.sampled_from([*NAMES, "s*", "kind:even", "kind:odd"]),
    st.sampled_from(["", "+", "+1", "+2"]),
)


def chosen(graph: dict[str, list[str]], *wanted: str, exclude: tuple[str, ...] = ()) -> set[str]:
    kinds = {name: "odd" if place % 2 else "even" for place, name in enumerate(NAMES)}
    return select(wanted, exclude, graph, kinds)


@given(graphs(), terms, terms)
def test_union_and_intersection_are_those_of_sets(graph: dict[str, list[str]], one: str, other: str):
    left, right = chosen(graph, one), chosen(graph, other)
    assert chosen(graph, f"{one} {other}") == chosen(graph, other, one) == left | right
    assert chosen(graph, f"{one},{other}") == chosen(graph, f"{other},{one}") == left & right
    assert chosen(graph, one, exclude=(other,)) == left - right


@given(graphs(), st.sampled_from(NAMES))
def test_what_is_needed_and_what_follows_are_closed(graph: dict[str, list[str]], name: str):
    needed, following = chosen(graph, f"+{name}"), chosen(graph, f"{name}+")
    assert all(set(graph[one]) <= needed for one in needed)
    assert all(one in following for one, inputs in graph.items() if following & set(inputs))
    assert needed & following == {name}


@given(graphs(), st.sampled_from(NAMES), st.sampled_from(NAMES))
def test_what_one_needs_is_followed_by_it(graph: dict[str, list[str]], one: str, other: str):
    assert (other in chosen(graph, f"+{one}")) == (one in chosen(graph, f"{other}+"))


@given(graphs(), st.sampled_from(NAMES), st.integers(0, 8))
def test_levels_grow_to_the_whole(graph: dict[str, list[str]], name: str, levels: int):
    here, further = chosen(graph, f"{name}+{levels}"), chosen(graph, f"{name}+{levels + 1}")
    assert here <= further <= chosen(graph, f"{name}+")
    assert chosen(graph, f"{name}+{len(NAMES)}") == chosen(graph, f"{name}+")


@given(st.text(alphabet="ab[]1.2*+,: ", max_size=12))
def test_any_text_is_a_choice_or_names_nothing(text: str):
    with suppress(Unselected):
        assert select([text], [], {"a": [], "b[1].a": ["a"]}, {}) <= {"a", "b[1].a"}
