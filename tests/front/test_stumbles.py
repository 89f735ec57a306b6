"""Errors by example: each snippet of the table gets the letter of its row, and only that one."""

from __future__ import annotations

import pytest

from lehr.compiler.diagnostics.diagnostic import Edit
from lehr.compiler.front import parse
from lehr.compiler.front.stumbles import STUMBLES, Stumble
from lehr.compiler.text import Source

SNIPPETS = [(row, snippet) for row in STUMBLES for snippet in row.snippets]
WHOLE_FILES = {"SYN116", "SYN117"}


def broken(row: Stumble, snippet: str) -> Source:
    return Source("x.lehr", snippet if row.code in WHOLE_FILES else f"lehr 1\n{snippet}\n")


def mended(source: Source) -> str:
    _, (letter,) = parse(source)
    text = source.text
    edits: list[Edit] = sorted(letter.fix.edits, key=lambda edit: -edit.span.start)
    for edit in edits:
        text = text[: edit.span.start] + edit.text + text[edit.span.end :]
    return text


@pytest.mark.parametrize(("row", "snippet"), SNIPPETS, ids=[f"{r.name}-{s[:30]!r}" for r, s in SNIPPETS])
def test_a_snippet_gets_the_letter_of_its_row(row: Stumble, snippet: str):
    _, found = parse(broken(row, snippet))
    assert [(letter.code, letter.name) for letter in found] == [(row.code, row.name)]


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("x == 1", "x = 1"),
        ("x: 1", "x = 1"),
        ("x = 'abc'", 'x = "abc"'),
        ("x = 1 // why", "x = 1 # why"),
        ("x = 2,5T", "x = 2.5T"),
        ("x = 1,", "x = 1"),
        ("x = 0 ~> 1 at end", "x = 0 ~> 1 by end"),
        ("x = 1 -> 2 by end", "x = 1 -> 2 at end"),
        ("expect a = b", "expect a == b"),
        ("x = f(a = 1)", "x = f(a: 1)"),
    ],
)
def test_a_plain_slip_comes_with_a_fix_that_mends_it(wrong: str, right: str):
    source = Source("x.lehr", f"lehr 1\n{wrong}\n")
    assert mended(source) == f"lehr 1\n{right}\n"
    assert parse(Source("x.lehr", mended(source)))[1] == []


def test_every_code_has_a_kebab_name_and_an_error_number():
    assert [row for row in STUMBLES if not row.code.startswith("SYN1")] == []
    assert [row.name for row in STUMBLES if not row.name.replace("-", "a").isalnum()] == []


def test_a_name_belongs_to_one_row():
    names = [row.name for row in STUMBLES]
    assert sorted(set(names)) == sorted(names)


def test_an_unreadable_place_says_what_may_stand_there():
    _, (letter,) = parse(Source("x.lehr", "lehr 1\nx = [1 : 2]\n"))
    assert letter.headline == "I did not expect `:` here"
    assert letter.notes == ("what may stand here: `,`, `]`, an operator",)


def test_an_odd_character_is_named():
    _, (letter,) = parse(Source("x.lehr", "lehr 1\nx = 1 − 2\n"))
    assert letter.headline == "I did not expect the character `−` (MINUS SIGN) here"
