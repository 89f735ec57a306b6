"""Numerals are exact, strings are resolved, and odd ones get a letter instead of an exception."""

from __future__ import annotations

from fractions import Fraction

import pytest

from lehr.compiler.front import ast, parse
from lehr.compiler.text import Source


def value(text: str) -> tuple[ast.Expr, list[str]]:
    file, found = parse(Source("x.lehr", f"lehr 1\nx = {text}\n"))
    (field,) = file.body
    assert isinstance(field, ast.Field)
    return field.value, [letter.code for letter in found]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2.87T tokens", (Fraction(287, 100), "T", "tokens")),
        ("128k  context", (Fraction(128), "k", "context")),
        ("500_000", (Fraction(500000), "", "")),
        ("8e-5", (Fraction(8, 100000), "", "")),
        ("3.8e25 flops", (Fraction(38 * 10**24), "", "flops")),
        ("1e+3M", (Fraction(1000), "M", "")),
        ("17%", (Fraction(17), "%", "")),
        ("80GiB", (Fraction(80), "GiB", "")),
        ("5tokens", (Fraction(5), "tokens", "")),
        ("1 step", (Fraction(1), "", "step")),
        ("5T\ttokens", (Fraction(5), "T", "tokens")),
    ],
)
def test_a_numeral_is_its_value_its_suffix_and_its_noun(text: str, expected: tuple[Fraction, str, str]):
    number, found = value(text)
    assert isinstance(number, ast.Number)
    assert ((number.value, number.suffix, number.noun), found) == (expected, [])


def test_of_is_an_operator_only_as_a_word():
    assert value("5% of offset")[0] == value("5%   of   offset")[0]
    assert value("a.offset")[1] == []


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ('""', ()),
        ('"plain"', ("plain",)),
        (r'"a\n\t\"\\\$b"', ('a\n\t"\\$b',)),
        (r'"\u{1F525}!"', ("🔥!",)),
        ('"5$ # no comment"', ("5$ # no comment",)),
        (r'"\${a}"', ("${a}",)),
    ],
)
def test_a_string_is_its_text_with_escapes_resolved(text: str, parts: tuple[str, ...]):
    string, found = value(text)
    assert isinstance(string, ast.Text)
    assert (string.parts, found) == (parts, [])


def test_an_interpolation_that_cannot_be_read_is_a_hole_between_its_neighbours():
    string, found = value('"a${1 +}b"')
    assert isinstance(string, ast.Text)
    assert [type(part).__name__ for part in string.parts] == ["str", "Hole", "str"]
    assert found == ["SYN124"]


def test_two_odd_things_in_a_string_are_two_letters():
    assert value(r'"\q ${} \u{D800}"')[1] == ["SYN123", "SYN124", "SYN123"]


def test_a_number_without_bounds_is_a_hole():
    assert value("1e100")[1] == ["SYN122"]
    assert isinstance(value("1e100")[0], ast.Hole)
    assert value("1e99")[1] == []


def test_contextual_words_are_names_where_no_word_is_due():
    file, found = parse(Source("x.lehr", "lehr 1\nof = at\nby = via\nfloor.within = then\nlike = 1\n"))
    assert found == []
    assert [s.path[0].text for s in file.body if isinstance(s, ast.Field)] == ["of", "by", "floor", "like"]
