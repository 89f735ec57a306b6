"""What the forms for machines keep, whatever the text, the marks and the words are."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import unquote

from hypothesis import given
from hypothesis import strategies as st

from lehr.compiler.diagnostics.as_json import document, lines
from lehr.compiler.diagnostics.diagnostic import Diagnostic, Edit, Fix, Label
from lehr.compiler.diagnostics.github import github
from lehr.compiler.diagnostics.sarif import sarif
from lehr.compiler.diagnostics.short import short
from lehr.compiler.text import Source, Span

WORDS = st.text(st.sampled_from("a `é漢\N{GRINNING FACE}%:,\r\n\t\\\"'\u2028\x00"), max_size=12)
CODES = st.sampled_from([("SYN100", "unreadable"), ("SCH204", "short-window"), ("PRF302", "claim-not-asked")])
_REGION = {"startLine", "startColumn", "endLine", "endColumn"}
_COMMAND = re.compile(r"::(error|warning|notice) ([^\r\n]*?)::([^\r\n]*)")


@st.composite
def letters(draw: st.DrawFn) -> Diagnostic:
    source = Source(draw(WORDS) + ".lehr", draw(WORDS))
    ends = st.integers(0, len(source.text))
    spans = st.builds(lambda a, b: Span(source, min(a, b), max(a, b)), ends, ends)
    labels = draw(st.lists(st.builds(Label, spans, WORDS), max_size=3))
    fixes = st.builds(
        Fix,
        WORDS,
        st.lists(st.builds(Edit, spans, WORDS), min_size=1, max_size=2).map(tuple),
        st.sampled_from(["safe", "unsafe", "display"]),
    )
    code, name = draw(CODES)
    profile = draw(st.sampled_from([None, "rehearsal"]))
    told = draw(st.lists(WORDS, max_size=2))
    fix = draw(st.none() | fixes)
    return Diagnostic(code, name, draw(WORDS), tuple(labels), tuple(told), (), fix, profile=profile)


FOUND = st.lists(letters(), max_size=4)


@given(FOUND)
def test_sarif_keeps_to_its_schema(found: list[Diagnostic]):
    log = json.loads(sarif(found, "1.2.3", {"SYN100": "# A page\n"}))
    assert set(log) == {"$schema", "version", "runs"}
    (run,) = log["runs"]
    rules, results = run["tool"]["driver"]["rules"], run["results"]
    assert len({rule["id"] for rule in rules}) == len(rules)
    for rule in rules:
        assert rule["defaultConfiguration"]["level"] in ("error", "warning", "note")
        assert all("text" in rule[words] for words in ("shortDescription", "help") if words in rule)
    assert len(results) == len(found)
    for result, letter in zip(results, found, strict=True):
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"] == letter.code
        assert isinstance(result["message"]["text"], str)
        places = [*result.get("locations", []), *result.get("relatedLocations", [])]
        assert len(places) == len(letter.labels)
        for place, label in zip(places, letter.labels, strict=True):
            _is_a_place(place["physicalLocation"]["artifactLocation"], label.span)
            _is_a_region(place["physicalLocation"]["region"], label.span)
        for fix in result.get("fixes", []):
            _is_a_fix(fix, letter.fix)


def _is_a_place(artifact: dict[str, Any], span: Span) -> None:
    assert re.fullmatch(r"[A-Za-z0-9_.~/%-]*", artifact["uri"])
    assert unquote(artifact["uri"]) == span.source.path.replace("\\", "/")


def _is_a_region(region: dict[str, int], span: Span) -> None:
    """Numbers from 1, in order; read in UTF-16, they give the stretch back."""
    assert set(region) == _REGION
    assert min(region.values()) >= 1
    rows = span.source.text.split("\n")

    def offset(line: int, column: int) -> int:
        before = rows[line - 1].encode("utf-16-le")[: 2 * (column - 1)].decode("utf-16-le")
        return sum(len(row) + 1 for row in rows[: line - 1]) + len(before)

    start, end = (offset(region[f"{side}Line"], region[f"{side}Column"]) for side in ("start", "end"))
    assert (start, end) == (span.start, span.end)


def _is_a_fix(fix: dict[str, Any], meant: Fix | None) -> None:
    assert meant is not None
    assert meant.safety != "display"
    (change,) = fix["artifactChanges"]
    for replacement, edit in zip(change["replacements"], meant.edits, strict=True):
        _is_a_region(replacement["deletedRegion"], edit.span)
        assert replacement["insertedContent"]["text"] == edit.text


@given(FOUND)
def test_a_workflow_command_is_one_line_and_gives_its_words_back(found: list[Diagnostic]):
    told = github(found).split("\n")[:-1]
    assert len(told) == len(found)
    order = ["error", "warning", "notice"]
    kinds = []
    for line in told:
        match = _COMMAND.fullmatch(line)
        assert match
        kinds.append(match[1])
        properties = dict(one.split("=", 1) for one in match[2].split(","))
        assert {"title"} <= set(properties) <= {"title", "file", "line", "col", "endLine", "endColumn"}
    assert kinds == sorted(kinds, key=order.index)
    words = {unquote(line.split("::", 2)[2]).split("\n")[0] for line in told}
    assert {letter.headline.split("\n")[0] for letter in found} == words


@given(FOUND)
def test_json_lines_and_short_have_a_line_for_each(found: list[Diagnostic]):
    whole = json.loads(document(found))["diagnostics"]
    assert [json.loads(line) for line in lines(found).split("\n")[:-1]] == whole
    assert len(short(found).splitlines()) == len(found)
