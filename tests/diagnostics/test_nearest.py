"""The nearest names are those a slip of the finger away from the word."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lehr.compiler.diagnostics.nearest import distance, nearest

FIELDS = ["tokens", "context", "batch", "steps", "epochs", "lr", "data", "from", "optimizer", "checkpoint"]


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("token", ["tokens"]),
        ("tokesn", ["tokens"]),
        ("TOKENS", ["tokens"]),
        ("contxt", ["context"]),
        ("form", ["from"]),
        ("check", ["checkpoint"]),
        ("rl", ["lr"]),
        ("banana", []),
        ("x", []),
        ("", []),
    ],
)
def test_a_slip_is_forgiven_and_a_stranger_is_not(word: str, expected: list[str]):
    assert nearest(word, FIELDS) == expected


def test_the_nearest_come_first_and_there_are_at_most_four():
    assert nearest("answer", ["answers", "answr", "dancer", "anwsers", "answer", "answered"]) == [
        "answers",
        "answr",
        "answered",
        "anwsers",
    ]
    assert nearest("aaaa", ["aaab", "aaac", "aaad", "aaae", "aaaf"], most=2) == ["aaab", "aaac"]


@pytest.mark.parametrize(
    ("left", "right", "slips"), [("", "ab", 2), ("ab", "ba", 1), ("kitten", "sitting", 3), ("ca", "abc", 3)]
)
def test_slips_are_counted(left: str, right: str, slips: int):
    assert distance(left, right) == slips


@given(st.text("abc", max_size=6), st.text("abc", max_size=6))
def test_distance_is_the_same_both_ways_and_zero_only_for_the_same(left: str, right: str):
    assert distance(left, right) == distance(right, left)
    assert (distance(left, right) == 0) == (left == right)
