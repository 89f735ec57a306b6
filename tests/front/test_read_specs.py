"""Whole recipes: what is in them is in their trees."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import pytest

from lehr.compiler.front import ast, read

SPECS = Path(__file__).parent / "specs"

FACTS = {
    "afm.lehr": {"Block": 34, "Expect": 4, "Field": 125, "Import": 1, "Let": 1, "Next": 2, "Repeat": 1}
    | {"Scale": 5, "Set": 1},
    "gemma2.lehr": {"Block": 25, "Each": 1, "Expect": 2, "Field": 87, "Import": 1, "Let": 1, "Next": 1}
    | {"Repeat": 1, "Scale": 5, "Set": 1},
    "lib/house.lehr": {"Block": 4, "Field": 15},
    "llama3.lehr": {"Block": 29, "Each": 1, "Expect": 6, "Field": 87, "Import": 1, "Next": 1, "Param": 2}
    | {"Repeat": 1, "Require": 3, "Scale": 5, "Set": 3},
    "pieces.lehr": {"Block": 37, "Expect": 2, "Field": 110, "Import": 1, "Param": 1, "Scale": 4, "Set": 2},
    "qwen2.lehr": {"Block": 28, "Expect": 2, "Field": 92, "Import": 1, "Next": 1, "Param": 1, "Repeat": 1}
    | {"Scale": 4, "Set": 2},
}


def walk(body: tuple[ast.Statement, ...]) -> Iterator[ast.Statement]:
    for statement in body:
        yield statement
        if isinstance(statement, ast.Block | ast.Repeat | ast.Each):
            yield from walk(statement.body)


def block(file: ast.File, name: str) -> ast.Block:
    blocks = (s for s in walk(file.body) if isinstance(s, ast.Block) and s.name and s.name.text == name)
    return next(blocks)


def field(file: ast.File, of: str, name: str) -> ast.Field:
    fields = (s for s in block(file, of).body if isinstance(s, ast.Field))
    return next(f for f in fields if [part.text for part in f.path] == [name])


@pytest.fixture(scope="module")
def llama3() -> ast.File:
    file, _ = read(SPECS / "llama3.lehr")
    assert file is not None
    return file


@pytest.mark.parametrize("name", FACTS)
def test_a_recipe_is_read_whole_and_without_a_letter(name: str):
    file, found = read(SPECS / name)
    assert found == []
    assert file is not None
    assert dict(Counter(type(statement).__name__ for statement in walk(file.body))) == FACTS[name]


def test_a_ramp_is_a_timeline_of_two_jumps(llama3: ast.File):
    ramp = field(llama3, "pretrain", "batch").value
    assert isinstance(ramp, ast.Timeline)
    assert [leg.glides for leg in ramp.legs] == [False, False]
    assert ramp.legs[1].point == ast.Number(ramp.span, Fraction(287, 100), "T", "")


def test_a_learning_rate_glides_and_names_its_curve(llama3: ast.File):
    curve = field(llama3, "pretrain", "lr").value
    assert isinstance(curve, ast.Timeline)
    assert [(leg.glides, leg.via and leg.via.text) for leg in curve.legs] == [(True, None), (True, "cosine")]
    assert curve.legs[0].point == ast.Number(curve.span, Fraction(8), "k", "steps")


def test_lines_that_begin_with_an_arrow_belong_to_the_line_above(llama3: ast.File):
    context = field(llama3, "long_context", "context")
    assert isinstance(context.value, ast.Timeline)
    assert len(context.value.legs) == 6
    assert context.note == "six increments; where they fall is ours"
    assert (context.span.line, context.value.legs[5].span.line) == (73, 79)


def test_a_loop_says_what_it_carries(llama3: ast.File):
    loop = next(s for s in llama3.body if isinstance(s, ast.Repeat))
    assert (loop.name.text, loop.variable.text) == ("post", "round")
    assert [(c.name.text, c.value) for c in loop.carries] == [("policy", ast.Name(loop.span, "anneal"))]


def test_a_gate_has_a_claim_a_tolerance_and_a_moment(llama3: ast.File):
    gates = [s for s in block(llama3, "long_context").body if isinstance(s, ast.Require)]
    assert [gate.within is not None for gate in gates] == [True, False]
    assert gates[0].at == ast.Name(gates[0].span, "context")


def test_docs_and_notes_stay_with_what_they_are_about(llama3: ast.File):
    assert block(llama3, "llama3").doc == (
        "Llama 3.1 405B, as told by arXiv:2407.21783.\nA value the paper does not give is marked `ours`."
    )
    assert field(llama3, "general", "tokens").note == "assumed: the paper gives shares, not sizes"
    assert field(llama3, "anneal", "tokens").note.startswith("lehr: allow SCH204")
    assert block(llama3, "opening").doc == ""


def test_a_string_holds_its_interpolations(llama3: ast.File):
    runs = field(llama3, "llama3", "runs").value
    assert isinstance(runs, ast.Text)
    assert [type(part).__name__ for part in runs.parts] == ["str", "Member", "str", "Member"]
    assert [part.span.text for part in runs.parts if not isinstance(part, str)] == [
        "pipeline.name",
        "profile.name",
    ]
