"""Every node knows exactly where it stands: what it says there is what it is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lehr.compiler.front import ast, parse, read
from lehr.compiler.text import Source

SPECS = sorted((Path(__file__).parent / "specs").rglob("*.lehr"))


def nodes(thing: Any) -> Iterator[ast.Node]:
    if isinstance(thing, tuple):
        for item in thing:
            yield from nodes(item)
    elif isinstance(thing, ast.Node) and is_dataclass(thing):
        yield thing
        for each in fields(thing):
            yield from nodes(getattr(thing, each.name))


def value_of(text: str) -> ast.Expr:
    file, found = parse(Source("x.lehr", f"lehr 1\nx = {text}\n"))
    assert found == []
    (field,) = file.body
    assert isinstance(field, ast.Field)
    return field.value


def reread(node: ast.Node) -> ast.Expr:
    """The node again, from the text of its span alone."""
    text = node.span.text
    return value_of(text if isinstance(node, ast.Timeline) else f"({text})")


def expressions(thing: Any) -> list[ast.Node]:
    kinds = ast.Expr.__args__
    return [node for node in nodes(thing) if isinstance(node, kinds)]


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_an_expression_of_a_recipe_reads_the_same_from_its_span(path: Path):
    file, _ = read(path)
    assert [reread(node) for node in expressions(file)] == expressions(file)


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_a_statement_of_a_recipe_reads_the_same_from_its_span(path: Path):
    file, _ = read(path)
    assert file is not None
    for statement in file.body:
        again, found = parse(Source("x.lehr", f"lehr 1\n{statement.span.text}\n"))
        assert (again.body, found) == ((statement,), [])


NAMES = st.sampled_from(["a", "b", "round", "at", "end", "of_", "x1"])
NUMBERS = st.sampled_from(
    ["1", "0.5", "15.6T", "128k context", "9k steps", "17%", "8e-5", "20_000", "2.50USD"]
)
STRINGS = st.sampled_from(['"s"', '"a${b.c}d"', '"\\n\\$"', '""', '"é${1 + 2}"'])
ATOMS = st.one_of(NAMES, NUMBERS, STRINGS)
OPERATORS = st.sampled_from(["+", "-", "*", "/", "of", "and", "or"])


def grown(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.tuples(inner, OPERATORS, inner).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
        st.tuples(inner, inner).map(lambda t: f"({t[0]} == {t[1]})"),
        st.tuples(inner, inner).map(lambda t: f"({t[0]}..{t[1]})"),
        inner.map(lambda t: f"(not {t})"),
        inner.map(lambda t: f"(-{t})"),
        st.tuples(NAMES, inner).map(lambda t: f"{t[0]}[{t[1]}].b[*]"),
        st.tuples(NAMES, inner, inner).map(lambda t: f"{t[0]}({t[1]}, k: {t[2]})"),
        st.lists(inner, max_size=3).map(lambda t: f"[{', '.join(t)}]"),
        st.tuples(inner, inner, inner).map(lambda t: f"(if {t[0]} then {t[1]} else {t[2]})"),
    )


@settings(max_examples=150)
@given(st.recursive(ATOMS, grown, max_leaves=8))
def test_any_expression_reads_the_same_from_its_span(text: str):
    value = value_of(text)
    assert [reread(node) for node in expressions(value)] == expressions(value)


def test_parentheses_belong_to_what_stands_round_them():
    value = value_of("(a) * (b + c)")
    assert isinstance(value, ast.Binary)
    assert (value.span.text, value.left.span.text, value.right.span.text) == ("(a) * (b + c)", "a", "b + c")


def test_a_block_spans_its_braces_and_its_header_does_not():
    file, _ = parse(Source("x.lehr", "lehr 1\ntrain a like b.c {\n  x = 1\n}\n"))
    (block,) = file.body
    assert isinstance(block, ast.Block)
    assert block.header is not None
    assert (block.span.text, block.header.text) == ("train a like b.c {\n  x = 1\n}", "train a")


def test_carriage_returns_and_tabs_leave_columns_right():
    file, found = parse(Source("x.lehr", "lehr 1\r\n\r\nb {\r\n\tx = 1  # why\r\n\ty = $\r\n}\r\n"))
    (block,) = file.body
    assert isinstance(block, ast.Block)
    x, y = block.body
    assert isinstance(x, ast.Field)
    assert (str(x.span), x.note, str(y.span)) == ("x.lehr:4:2", "why", "x.lehr:5:2")
    assert [str(letter.span) for letter in found] == ["x.lehr:5:6"]
    assert [comment.text for comment in file.comments] == [" why"]
