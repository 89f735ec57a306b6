"""Marks stand under what they mark, whatever the line is made of and wherever the mark is."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lehr.compiler.diagnostics.diagnostic import Diagnostic, Label
from lehr.compiler.diagnostics.text import text
from lehr.compiler.text import Source, Span

AWKWARD = (
    "ax =漢字한Ａé…\u0301\u0302\u200b\u200d\ufeff\u00ad\u202e\u2028\u3000\u00a0"
    "\x00\x1b\x7f\x85\t\r\n\U0001f600\U0001f9d1\ud800"
)
TEXTS = st.text(st.one_of(st.sampled_from(AWKWARD), st.characters()), max_size=60)


def shown(source: Source, *stretches: tuple[int, int, str], **how: object) -> list[str]:
    """The letter's lines below its headline and its place."""
    labels = tuple(Label(Span(source, start, end), words) for start, end, words in stretches)
    return text([Diagnostic("SYN100", "unreadable", "odd", labels)], **how).splitlines()[2:]  # type: ignore[arg-type]


def line_and_marks(spec: str, start: int, end: int, **how: object) -> tuple[str, str]:
    _, line, marks, *_ = shown(Source("a.lehr", spec), (start, end, ""), **how)
    return line[4:], marks[4:]


def width(words: str) -> int:
    """How many columns a terminal gives to these characters."""
    return sum(map(_columns, words))


def _columns(character: str) -> int:
    category = unicodedata.category(character)
    if category in ("Mn", "Me", "Cf"):
        return 0
    replaced = category != "Zs" and not character.isprintable()
    return 2 if unicodedata.east_asian_width(character) in "WF" and not replaced else 1


def columns(line: str, needle: str) -> tuple[int, int]:
    """Where a stretch of a line stands on a terminal."""
    before = line[: line.index(needle)]
    return width(before), width(before) + width(needle)


@pytest.mark.parametrize(
    "spec",
    [
        "x = !here!",
        "\tx\t=\t!here!",
        "漢字 = !here!",
        "\N{GRINNING FACE} \N{THUMBS UP SIGN}\N{EMOJI MODIFIER FITZPATRICK TYPE-5} !here!",
        "e\u0301te\u0301 !here!",
        "zero\u200bwidth\u200djoined !here!",
        "Ａｂ\u3000!here!",
        "\ufeff!here!",
        "\x00\x1b[31m!here!",
    ],
    ids=[
        "plain",
        "tabs",
        "cjk",
        "emoji",
        "combining",
        "zero-width",
        "full-width",
        "byte-order-mark",
        "control",
    ],
)
def test_marks_stand_under_what_they_mark(spec: str):
    start = spec.index("!here!")
    line, marks = line_and_marks(spec, start, start + 6)
    low, high = columns(line, "!here!")
    assert marks == " " * low + "^" * (high - low)


@pytest.mark.parametrize("spec", ["漢字 = 1", "\N{GRINNING FACE}x", "한글"])
def test_a_wide_character_has_two_carets(spec: str):
    assert line_and_marks(spec, 0, 1)[1] == "^^"


@pytest.mark.parametrize("spec", ["x\u200b=1", "e\u0301=1", "x\u202e=1"])
def test_a_character_without_width_still_has_a_caret(spec: str):
    assert line_and_marks(spec, 1, 2)[1] == " ^"


def test_a_tab_is_marked_over_its_whole_width():
    assert line_and_marks("a\tb", 1, 2) == ("a   b", " ^^^")


def test_carriage_returns_are_not_shown_and_move_nothing():
    spec = "lehr 1\r\nx = 9\r\n"
    assert line_and_marks(spec, 12, 13) == ("x = 9", "    ^")
    assert line_and_marks(spec, 13, 15) == ("x = 9", "     ^")
    assert line_and_marks(spec, 14, 15) == ("x = 9", "     ^")


@pytest.mark.parametrize("spec", ["", "x", "x\n", "x\r\n", "\n"])
def test_the_end_of_a_file_can_be_marked(spec: str):
    _, marks = line_and_marks(spec, len(spec), len(spec))
    assert marks.strip() == "^"


def test_a_stretch_over_several_lines_is_marked_on_its_first_only():
    line, marks = line_and_marks("train a {\n  x = 1\n}\n", 6, 19)
    assert (line, marks) == ("train a {", "      ^^^")


def test_lines_that_are_left_out_become_one_gap():
    source = Source("a.lehr", "one\ntwo\nthree\nfour\n")
    assert shown(source, (0, 3, "here"), (14, 18, "and here")) == [
        "  │",
        "1 │ one",
        "  │ ^^^ here",
        "…",
        "4 │ four",
        "  │ ---- and here",
        "  │",
    ]


def test_neighbouring_lines_have_no_gap_between_them():
    assert "…" not in shown(Source("a.lehr", "one\ntwo\n"), (0, 3, ""), (4, 7, ""))


def test_labels_in_two_files_stand_under_their_own_names():
    lines = shown(Source("a.lehr", "one"), (0, 3, "here"))
    assert len(lines) == 4
    one, two = Label(Span(Source("a.lehr", "one"), 0, 3)), Label(Span(Source("b.lehr", "two"), 1, 3), "there")
    both = text([Diagnostic("SYN100", "unreadable", "odd", (one, two))]).splitlines()
    assert both[1:] == [
        "  ┌─ a.lehr:1:1",
        "  │",
        "1 │ one",
        "  │ ^^^",
        "  │",
        "  ┌─ b.lehr:1:2",
        "  │",
        "1 │ two",
        "  │  -- there",
        "  │",
    ]


@pytest.mark.parametrize("letter", "x漢\t\u0301")
@pytest.mark.parametrize("unicode", [True, False])
def test_a_long_line_keeps_within_the_width_and_shows_its_mark(letter: str, unicode: bool):
    for before, after in ((0, 300), (300, 0), (300, 300), (91, 0), (90, 1)):
        spec = letter * before + "!" + letter * after
        line, marks = line_and_marks(spec, before, before + 1, width=60, unicode=unicode)
        assert width(line) <= 60 - 4
        assert columns(line, "!")[0] == marks.index("^")


def test_a_second_mark_outside_the_window_hangs_at_its_edge():
    source = Source("a.lehr", "!" + "x" * 500 + "?" + "x" * 500)
    _, line, marks, *_ = shown(source, (501, 502, "here"), (0, 1, "far left"), width=60)
    assert line[4] == "…"
    assert marks[4] == "-"
    assert marks[line.index("?")] == "^"


def test_a_terminal_without_unicode_gets_ascii_and_marks_that_still_fit():
    source = Source("é.lehr", "漢字 e\u0301 × = !")
    letter = Diagnostic(
        "SYN100", "unreadable", "2 × 3 … é", (Label(Span(source, 10, 11), "größe"),), ("a → b",)
    )
    told = text([letter], unicode=False)
    assert told.isascii()
    _, _, _, line, marks, *_ = told.splitlines()
    assert line[marks.index("^")] == "!"
    assert ("2 x 3 ... ?" in told, "= a -> b" in told) == (True, True)


def test_words_from_a_spec_cannot_drive_the_terminal():
    label = Label(Span(Source("\x1b]0;a.lehr", "x"), 0, 1), "\x1b[2J\rgone")
    letter = Diagnostic("SYN100", "unreadable", "no \x1b[31m\u202e", (label,), ("\x07a\nb",), ("\x9b1m",))
    told = text([letter])
    assert not [c for c in told if unicodedata.category(c) in ("Cc", "Cf") and c != "\n"]


@given(TEXTS, st.data(), st.booleans())
def test_any_stretch_of_any_text_has_its_marks_under_it(spec: str, data: st.DataObject, unicode: bool):
    ends = st.integers(0, len(spec))
    start, end = sorted((data.draw(ends), data.draw(ends)))
    source = Source("a.lehr", spec)
    number, column = source.position(start)
    _, line, marks, *_ = shown(source, (start, end, ""), unicode=unicode)
    first, last = marks.index("^") - 4, len(marks) - 4
    raw = source.line(number)
    assert not [c for c in line if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp")]
    assert first == _as_shown(raw[: column - 1])
    marked = raw[column - 1 : column - 1 + end - start]
    assert last == max(first + 1, first + _as_shown(marked, first))


def _as_shown(raw: str, at: int = 0) -> int:
    """The width of a stretch of source that begins at a column: a tab goes on to the next stop."""
    start = at
    for character in raw:
        at += 4 - at % 4 if character == "\t" else width(character)
    return at - start


@given(TEXTS, st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60), TEXTS), min_size=1, max_size=6))
def test_any_labels_on_any_text_can_be_shown(spec: str, drawn: list[tuple[int, int, str]]):
    source = Source("a.lehr", spec)
    stretches = [(min(a, b, len(spec)), min(max(a, b), len(spec)), words) for a, b, words in drawn]
    for how in ({"unicode": True}, {"unicode": False}, {"width": 8}, {"colour": True}):
        assert shown(source, *stretches, **how)
