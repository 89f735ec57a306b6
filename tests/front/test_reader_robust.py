"""Whatever the text, there is a tree, and nothing is raised."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lehr.compiler.front import parse
from lehr.compiler.text import Source

SPECS = Path(__file__).parent / "specs"
SIGNS = [
    "lehr 1",
    "\n",
    "\r\n",
    " ",
    "\t",
    ";",
    "{",
    "}",
    "(",
    ")",
    "[",
    "]",
    "=",
    "==",
    "->",
    "~>",
    "..",
    ",",
]
SIGNS += [":", ".", "*", "/", "+", "-", "%", '"', "'", "#", "//", "$", "${", "\0", "\x85", "é", "a", "b", "1"]
SIGNS += [
    "2,5T",
    "128k context",
    "at",
    "by",
    "via",
    "like",
    "of",
    "for",
    "in",
    "if",
    "then",
    "else",
    "not",
    "end",
]
SIGNS += [
    "import",
    "param",
    "let",
    "next",
    "expect",
    "require",
    "set",
    "scale",
    "repeat",
    "each",
    "carry",
    "as",
]


def survives(text: str) -> None:
    file, found = parse(Source("x.lehr", text))
    assert file.span.start == 0
    for letter in found:
        for label in letter.labels:
            assert 0 <= label.span.start <= label.span.end <= len(text) + 1


@settings(max_examples=200)
@given(st.text(max_size=200))
def test_arbitrary_text(text: str):
    survives(text)


@settings(max_examples=300)
@given(st.lists(st.sampled_from(SIGNS), max_size=60))
def test_arbitrary_signs_and_words(signs: list[str]):
    survives("lehr 1\n" + " ".join(signs))


@settings(max_examples=150)
@given(st.lists(st.sampled_from(SIGNS), max_size=60))
def test_arbitrary_signs_without_blanks(signs: list[str]):
    survives("".join(signs))


@pytest.mark.parametrize("remainder", range(8))
def test_a_spec_cut_short_anywhere(remainder: int):
    text = (SPECS / "lib" / "house.lehr").read_text(encoding="utf-8")
    for end in range(remainder, len(text), 8):
        survives(text[:end])


@settings(max_examples=60)
@given(st.data())
def test_a_spec_with_a_stretch_missing(data: st.DataObject):
    text = (SPECS / "llama3.lehr").read_text(encoding="utf-8")
    start = data.draw(st.integers(0, len(text)))
    survives(text[:start] + text[start + data.draw(st.integers(1, 40)) :])


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("x = " + "(" * 10**5, "SYN121"),
        ("x = " + "[" * 10**5 + "]" * 10**5, "SYN121"),
        ("b { " * 45 + "}" * 45, "SYN121"),
        ("x = 1" + " + 1" * 10**5, "SYN121"),
        ("x = " + "not " * 10**5 + "a", "SYN121"),
        ("x = a" + ".b" * 10**5, "SYN121"),
        ("x = a" + "()" * 10**5, "SYN121"),
        ("x = 1e999999999", "SYN122"),
        ("x = " + "9" * 10**6, "SYN122"),
        ("x = \0", "SYN100"),
        ("-> 1 at 2", "SYN100"),
        ("\n\n  ~> 1 by 2\nx = 1", "SYN100"),
        ("a" * 10**6, "SYN130"),
        ("x" + " " * 10**5 + "$", "SYN100"),
        ("x = [" + "\n" * 10**5 + " 1 $ 2]", "SYN100"),
        ("x = " + "9" * 10**7, "SYN120"),
    ],
    ids=lambda value: value[:12] if value.startswith("SYN") is False else value,
)
def test_a_hostile_file_gets_one_letter(text: str, code: str):
    _, found = parse(Source("x.lehr", "lehr 1\n" + text))
    assert [letter.code for letter in found] == [code]


def test_what_is_too_large_is_said_on_its_own_line():
    _, (letter,) = parse(Source("x.lehr", "lehr 1\nx = " + "9" * 10**7))
    assert str(letter.span) == f"x.lehr:2:{2**22 - 6}"


def test_braces_without_end_stop_early():
    _, found = parse(Source("x.lehr", "lehr 1\n" + "train a {\n" * 10**5))
    assert (len(found), found[-1].code) == (101, "SYN133")


@pytest.mark.parametrize("text", [" n{\n}{{", "n {\n }\n}{", "n{\n}}{{", " a {\n}\n}"])
def test_a_block_that_its_margin_closes_and_a_brace_closes_again_comes_to_an_end(text: str):
    _, found = parse(Source("x.lehr", "lehr 1\n" + text))
    assert found
