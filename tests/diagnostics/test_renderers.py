"""One set of diagnostics, every renderer: what each prints is kept in `golden/`."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

from lehr.compiler.diagnostics.as_json import document, lines
from lehr.compiler.diagnostics.diagnostic import Diagnostic, Edit, Fix, Label
from lehr.compiler.diagnostics.github import github
from lehr.compiler.diagnostics.sarif import sarif
from lehr.compiler.diagnostics.short import short
from lehr.compiler.diagnostics.summary import summary
from lehr.compiler.diagnostics.text import text
from lehr.compiler.text import Source, Span

Golden = Callable[[str, str], None]

SPEC = Source(
    "specs/one.lehr",
    """lehr 1
train anneal {
  context   = 4k -> 8k at 252M
  batch     = 4M -> 8Mi at 252M
\ttokens\t= 40M
  average { of = checkpoints;  every = 1 step }
}





expect anneal.tokens == 5% of base.tokens within 1%
# é 漢字 = breit
""",
)
HOUSE = Source("specs/lib/house.lehr", "lehr 1\nlet small = 1\n")


def at(needle: str, text: str = "", source: Source = SPEC) -> Label:
    start = source.text.index(needle)
    return Label(Span(source, start, start + len(needle)), text)


LETTERS = [
    Diagnostic(
        "SCH101",
        "ragged-batch",
        "a batch of 4M tokens is not a whole number of 4k-token sequences",
        (at("4M", "4 000 000 tokens"), at("4k", "each sequence is 4 096 tokens")),
        ("4 000 000 / 4 096 = 976.56 sequences",),
        ("write `4Mi`",),
        Fix("write `4Mi`", (Edit(at("4M").span, "4Mi"),)),
    ),
    Diagnostic(
        "SCH204",
        "short-window",
        "`anneal` is 2.4 optimizer steps long",
        (at("40M", "40 000 000 tokens"), at("1 step", "so it averages 2 checkpoints")),
        ("40B would be 2 384 steps",),
        ("write `tokens = 40B`", "if it is meant, say so: `# lehr: allow SCH204 -- <why>`"),
        Fix("write `tokens = 40B`", (Edit(at("40M").span, "40B"),), "unsafe"),
        "anneal",
    ),
    Diagnostic(
        "CLM101",
        "false-claim",
        "`anneal.tokens` is not 5% of `base.tokens`",
        (
            at("anneal.tokens", "40M"),
            at("5% of base.tokens", "780B"),
            at("1%", "this much is allowed"),
            at("tokens\t", "comes from here"),
        ),
        ("         at start   at end\ngeneral     42         34\n\n            103        103",),
    ),
    Diagnostic(
        "NAM202",
        "unused-import",
        "nothing reads `small`",
        (at("small", "", HOUSE), at("lehr 1", "read here")),
    ),
    Diagnostic("STY301", "wide", "wide signs keep their columns", (at("= breit", "here"), at("é", "accent"))),
    Diagnostic("PRF302", "claim-not-asked", "one claim was not asked", profile="rehearsal"),
]


def test_text_with_a_drawn_frame(golden: Golden):
    golden("letters.txt", text(LETTERS))


def test_text_in_ascii(golden: Golden):
    golden("letters.ascii.txt", text(LETTERS[:3], unicode=False))


def test_text_in_colour(golden: Golden):
    golden("letters.colour.txt", text(LETTERS[:2], colour=True))


def test_short(golden: Golden):
    golden("letters.short.txt", short(LETTERS))


def test_json(golden: Golden):
    golden("letters.json", document(LETTERS))


def test_json_lines_hold_what_the_document_holds():
    whole = json.loads(document(LETTERS))
    assert [json.loads(line) for line in lines(LETTERS).splitlines()] == whole["diagnostics"]


def test_sarif(golden: Golden):
    golden("letters.sarif", sarif(LETTERS, "1.2.3", {"SCH101": "# SCH101 ragged-batch\n"}))


def test_sarif_keeps_what_the_standard_asks():
    log = json.loads(sarif(LETTERS, "1.2.3"))
    (run,) = log["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert (log["version"], run["columnKind"]) == ("2.1.0", "utf16CodeUnits")
    assert [rule["id"] for rule in rules] == sorted({letter.code for letter in LETTERS})
    for result, letter in zip(run["results"], LETTERS, strict=True):
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"] == letter.code
        assert result["level"] == rules[result["ruleIndex"]]["defaultConfiguration"]["level"]
        assert len(result.get("locations", [])) == min(1, len(letter.labels))
    prints = [result["partialFingerprints"]["lehr/v1"] for result in run["results"]]
    assert len(set(prints)) == len(LETTERS)


def test_a_fingerprint_survives_lines_above_it():
    moved = Source(SPEC.path, "\n\n" + SPEC.text)
    spans = [Span(moved, span.start + 2, span.end + 2) for span in [LETTERS[0].labels[0].span]]
    again = LETTERS[0].at(*(Label(span) for span in spans))
    before, after = (json.loads(sarif([one], "1"))["runs"][0]["results"][0] for one in (LETTERS[0], again))
    assert before["partialFingerprints"] == after["partialFingerprints"]


def test_sarif_counts_columns_in_utf_16():
    source = Source("a b.lehr", "x = \N{GRINNING FACE}!")
    log = json.loads(sarif([Diagnostic("SYN100", "unreadable", "odd", (Label(Span(source, 5, 6)),))], "1"))
    place = log["runs"][0]["results"][0]["locations"][0]["physicalLocation"]
    assert place["region"] == {"startLine": 1, "startColumn": 7, "endLine": 1, "endColumn": 8}
    assert place["artifactLocation"]["uri"] == "a%20b.lehr"


def test_github(golden: Golden):
    golden("letters.github.txt", github(LETTERS))


def test_github_escapes_what_would_end_a_command_or_a_property():
    source = Source("a,b:c.lehr", "x\ny")
    odd = Diagnostic("SYN100", "unreadable", "100%\nsure", (Label(Span(source, 0, 3)),))
    assert github([odd]) == (
        "::error title=SYN100 unreadable,file=a%2Cb%3Ac.lehr,line=1,endLine=2::100%25%0Asure\n"
    )


def test_colour_changes_nothing_but_colour():
    assert re.sub(r"\x1b\[[0-9;]*m", "", text(LETTERS, colour=True)) == text(LETTERS)


def test_a_very_long_line_is_shown_through_a_window():
    long = Source("long.lehr", "x = " + "9" * 10**6 + "!" + "8" * 10**6)
    spot = 10**6 + 4
    odd = Diagnostic("SYN100", "unreadable", "odd", (Label(Span(long, spot, spot + 1), "here"),))
    shown = text([odd], width=60)
    _, _, _, line, marks, *_ = shown.splitlines()
    assert len(line) <= 60
    assert (line[marks.index("^")], line[4], line[-1], marks.split()[-1]) == ("!", "…", "…", "here")


def test_a_mark_behind_the_last_character_is_still_seen():
    short_source = Source("a.lehr", "x =")
    shown = text([Diagnostic("SYN101", "empty-field", "no value", (Label(Span(short_source, 3, 3)),))])
    assert shown.splitlines()[3:5] == ["1 │ x =", "  │    ^"]


def test_a_stretch_over_several_lines_is_marked_on_its_first():
    source = Source("a.lehr", "b {\n  x = 1\n}\n")
    shown = text([Diagnostic("LIN103", "unused-stage", "unused", (Label(Span(source, 0, 13), "all of it"),))])
    assert shown.splitlines()[3:5] == ["1 │ b {", "  │ ^^^ all of it"]


def test_control_characters_do_not_reach_the_terminal():
    source = Source("a.lehr", "x\0\x1b[31m = 1")
    shown = text([Diagnostic("SYN100", "unreadable", "odd", (Label(Span(source, 1, 2)),))])
    assert ("\0" in shown, "\x1b" in shown) == (False, False)


def test_the_last_line_counts():
    assert summary(LETTERS) == "2 errors, 2 warnings, 2 notes (1 fixable with --fix)"
    assert summary(LETTERS[1:2]) == "1 warning"
    assert summary([]) == ""


def test_nothing_wrong_is_silence():
    assert (text([]), short([]), lines([])) == ("", "", "")
