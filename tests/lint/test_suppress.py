"""What an allow covers, and what is said about one that is wrong."""

from collections.abc import Callable
from pathlib import Path

import pytest

from lehr.compiler.diagnostics.mend import mended
from lehr.compiler.journey import Journey

Lint = Callable[..., Journey]
SHORT = "train short { from = grown;  data = diet;  steps = 3;  batch = 4Ki;  lr = 1e-3 }"


def codes(journey: Journey) -> list[str]:
    return [one.code for one in journey.letters]


@pytest.mark.parametrize(
    "text",
    [
        f"{SHORT}  # lehr: allow SCH204 -- why",
        f"# lehr: allow SCH204 -- why\n{SHORT}",
        f"#lehr:allow short-window--why\n\n# another remark\n{SHORT}",
        f"# lehr: allow SCH -- why\neach run for n in [1, 2] {{\n  {SHORT[:-1]};  rng = n }}\n}}",
        f"{SHORT[:-1]};  optimizer {{ kind = adamw }} }}  # lehr: allow SCH204, SCH -- why",
        "train short {\n  from = grown\n  data = diet\n"
        "  # lehr: allow SCH204 -- why\n  steps = 3\n  batch = 4Ki\n  lr = 1e-3\n}",
        "train fine { from = grown;  data = diet;  steps = 30;  batch = 4Ki;  lr = 1e-3 }\n"
        "# lehr: allow SCH204 -- why\nprofile night { set fine.steps = 3 }",
    ],
)
def test_an_allow_covers_its_line_or_the_next_statement(lint: Lint, text: str):
    journey = lint(text + "\n")
    assert codes(journey) == []
    assert {one.reason for one in journey.allowed} == {"why"}


def test_an_allow_for_the_file_covers_all_of_it(lint: Lint):
    source = lint("").source
    assert source
    text = source.text.replace("lehr 1\n", "lehr 1\n# lehr: allow-file SCH204 -- why\n") + SHORT + "\n"
    assert codes(lint(text, above="")) == []


@pytest.mark.parametrize(
    ("comment", "expected"),
    [
        ("# lehr: allow SCH204", ["LNT202", "SCH204"]),
        ("# lehr: allow SCH204 --", ["LNT202", "SCH204"]),
        ("# lehr: allow -- why", ["LNT203", "SCH204"]),
        ("# lehr: allow ALL -- why", ["LNT203", "SCH204"]),
        ("# lehr: allow SCH240 -- why", ["LNT203", "SCH204"]),
        ("# lehr: allows SCH204 -- why", ["LNT203", "SCH204"]),
        ("# lehr: allow-file SCH204 -- why", ["LNT203"]),
        ("# lehr: allow NAM101 -- why", ["LNT204", "SCH204"]),
        ("# lehr: allow SCH204, DAT203 -- why", ["LNT201"]),
        ("# lehr: allow SCH204 -- why -- and more", []),
    ],
)
def test_what_is_wrong_with_an_allow_is_told(lint: Lint, comment: str, expected: list[str]):
    assert sorted(codes(lint(f"{comment}\n{SHORT}\n"))) == expected


def test_what_leaves_no_plan_cannot_be_allowed(lint: Lint):
    journey = lint("init more { arch = smal;  tokenizer = words }  # lehr: allow NAM101 -- why\n")
    assert sorted(codes(journey)) == ["LNT204", "NAM101"]


def test_a_false_claim_may_be_allowed(lint: Lint):
    assert codes(lint("expect grown.tokens == 2M tokens  # lehr: allow CLM101 -- as printed\n")) == []


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            "# lehr: allow DAT203 -- why\nexpect grown.tokens == 1M tokens\n",
            "expect grown.tokens == 1M tokens\n",
        ),
        (
            "expect grown.tokens == 1M tokens  # lehr: allow DAT203 -- why\n",
            "expect grown.tokens == 1M tokens\n",
        ),
        (f"# lehr: allow DAT203, SCH204 -- why\n{SHORT}\n", f"# lehr: allow SCH204 -- why\n{SHORT}\n"),
        (
            'import "lib/house.lehr" as house\nexpect grown.tokens == 1M tokens\n',
            "expect grown.tokens == 1M tokens\n",
        ),
    ],
)
def test_what_is_stale_is_taken_out_with_its_line(lint: Lint, before: str, after: str):
    journey = lint(before)
    assert journey.source
    text, applied = mended(journey.source, journey.letters)
    assert applied == 1
    assert text.endswith(after)
    Path("recipe.lehr").write_text(text)
    assert codes(lint(text, above="")) == []
