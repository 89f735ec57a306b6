"""The cases of every rule: `*.md` beside this file.

A `lehr` block stands below the usual head (`conftest.ABOVE`).  `# warning: [SCH204]` at the end of
a line says what is found there and how bad it is; a block without such remarks is silent.  A block
with `# lehr: allow` has to allow something.  A `diagnostic` block is how the letters of the block
before it are shown; `LEHR_GOLDEN=write` writes it anew.  A `lehr before` block is what the specs of
its section were before: their letters are those about what broke since.
"""

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from lehr.compiler.diagnostics.text import text
from lehr.compiler.journey import Journey
from lehr.compiler.lint.config import matches
from lehr.compiler.lint.rules import rules

HERE = Path(__file__).parent
_SECTION = re.compile(r"^## ([A-Z]{3}\d{3}) ([a-z-]+)$", re.M)
_BLOCK = re.compile(r"^```(lehr|lehr before|diagnostic)\n(.*?)^```$", re.M | re.S)
_EXPECTED = re.compile(r"# (error|warning|note): ((?:\[\w+\] ?)+)")


@dataclass(frozen=True)
class Case:
    """One block: the rule whose section it stands in, its place, its text, and how its letters are shown.

    `before` is what the spec was, where the section asks about that.
    """

    code: str
    path: Path
    line: int
    text: str
    shown: str | None
    before: str | None = None

    @property
    def expected(self) -> list[tuple[int, str, str]]:
        """(line of the block, severity, code) of every remark."""
        return sorted(
            (number, str(found[1]), code)
            for number, line in enumerate(self.text.splitlines(), start=1)
            for found in _EXPECTED.finditer(line)
            for code in re.findall(r"\w+", found[2])
        )

    @property
    def kind(self) -> str:
        words = re.findall(r"[\w-]+", " ".join(re.findall(r"lehr: allow(?:-file)? (.*?) --", self.text)))
        rule = rules().get(self.code)
        if rule and any(matches(word, rule.code, rule.name) for word in words):
            return "suppressed"
        return "fires" if self.expected else "silent"


def cases() -> list[Case]:
    found: list[Case] = []
    for path in sorted(HERE.glob("*.md")):
        content = path.read_text()
        sections = [(match.start(), match[1]) for match in _SECTION.finditer(content)]
        blocks = list(_BLOCK.finditer(content))
        past: dict[str, str] = {}
        for place, match in enumerate(blocks):
            code = next((code for start, code in reversed(sections) if start < match.start()), "")
            if match[1] == "lehr before":
                past[code] = match[2]
            if match[1] != "lehr":
                continue
            after = blocks[place + 1] if place + 1 < len(blocks) else None
            shown = after[2] if after and after[1] == "diagnostic" else None
            line = content[: match.start()].count("\n") + 1
            found.append(Case(code, path, line, match[2], shown, past.get(code)))
    return found


CASES = cases()


@pytest.mark.parametrize("case", CASES, ids=lambda one: f"{one.path.stem}:{one.line}")
def test_a_case_gets_what_it_says(lint: Callable[..., Journey], case: Case):
    above = "" if case.text.startswith("lehr 1") else None
    journey = lint(case.text, **({} if above is None else {"above": above}), before=case.before)
    offset = (
        0
        if above is not None
        else journey.source.text.count("\n") - case.text.count("\n")
        if journey.source
        else 0
    )
    found = [
        (one.span.line - offset if one.span else 0, str(one.severity), one.code) for one in journey.letters
    ]
    assert sorted(found) == case.expected
    if case.kind == "suppressed":
        assert case.code in {one.letter.code for one in journey.allowed}
    if case.shown is not None:
        _shown(case, text(journey.letters, colour=False))


def _shown(case: Case, now: str) -> None:
    now = "\n".join(line.rstrip() for line in now.rstrip().splitlines()) + "\n"
    if os.environ.get("LEHR_GOLDEN") == "write" and case.shown != now:
        content = case.path.read_text()
        case.path.write_text(
            content.replace(f"```diagnostic\n{case.shown}```", f"```diagnostic\n{now}```", 1)
        )
        return
    assert now == case.shown


@pytest.mark.parametrize("code", rules())
def test_every_rule_has_a_case_that_fires_one_that_is_silent_and_one_that_is_allowed(code: str):
    assert {case.kind for case in CASES if case.code == code} == {"fires", "silent", "suppressed"}
    assert any(code in {found[2] for found in case.expected} for case in CASES if case.code == code)
