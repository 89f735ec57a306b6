"""Every rule's page is a test: its example gets this code and no other, what stands instead gets none."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from lehr.compiler.diagnostics.diagnostic import Severity
from lehr.compiler.journey import Journey
from lehr.compiler.lint import rules as registry
from lehr.compiler.lint.rules import FAMILIES, rules

FOLDER = Path(registry.__file__).parent
PARTS = ("## What it finds", "## Why it matters", "## Example", "## Instead")
_BLOCK = re.compile(r"## (Example|Instead)\n```lehr\n(.*?)```", re.S)
_BEFORE = re.compile(r"## Before\n```lehr\n(.*?)```", re.S)
EXAMPLES = [
    pytest.param(code, heading, text, id=f"{code} {heading.lower()}")
    for code, rule in rules().items()
    for heading, text in _BLOCK.findall(rule.page)
]
Lint = Callable[..., Journey]


def past(code: str) -> str | None:
    """What the spec of a page was before, where a rule asks about that."""
    found = _BEFORE.search(rules()[code].page)
    assert bool(found) == bool(rules()[code].breaks)
    return found[1] if found else None


@pytest.mark.parametrize(("code", "heading", "text"), EXAMPLES)
def test_an_example_gets_its_code_and_what_stands_instead_none(
    lint: Lint, code: str, heading: str, text: str
):
    journey = lint(text, before=past(code))
    assert {one.code for one in journey.letters} == ({code} if heading == "Example" else set())


@pytest.mark.parametrize("code", rules())
def test_an_example_is_silent_when_it_is_allowed(lint: Lint, code: str):
    (_, text), _ = _BLOCK.findall(rules()[code].page)
    journey = lint(text, before=past(code))
    lines = (journey.source.text if journey.source else "").split("\n")
    for line in {one.span.line for one in journey.letters if one.span}:
        lines[line - 1] += f"  # lehr: allow {code} -- it is meant"
    again = lint("\n".join(lines), above="", before=past(code))
    assert again.letters == []
    assert {one.letter.code for one in again.allowed} == {code}
    assert {one.reason for one in again.allowed} == {"it is meant"}


@pytest.mark.parametrize("code", rules())
def test_a_page_has_its_parts_and_a_first_line_that_stands_alone(code: str):
    page = rules()[code].page
    assert [part for part in PARTS if part in page] == list(PARTS)
    assert page.split("\n")[0].endswith(".")


def test_the_folders_are_the_registry():
    files = {path.stem for family in FAMILIES for path in (FOLDER / family).glob("[a-z]*.py")}
    assert {rule.check.__name__ for rule in rules().values()} == files
    assert {rule.name.replace("-", "_") for rule in rules().values()} == files


def test_a_code_of_a_rule_says_how_bad_it_is():
    assert {rule.severity for rule in rules().values()} == set(Severity)


def test_an_excuse_above_a_block_covers_what_the_block_inherits(lint: Lint):
    text = (
        "train short { from = newborn;  data = diet;  steps = 4;  context = 1k;  batch = 4Ki;  lr = 1e-3 }\n"
    )
    more = "train other like short { rng = 2 }\n"
    assert [one.code for one in lint(text + more).letters] == ["SCH204"]
    excuse = "# lehr: allow SCH204 -- a smoke test\n"
    assert [one.stage for one in lint(text + excuse + more).letters] == ["short"]
    assert [one.stage for one in lint(excuse + text + more).letters] == []
