"""Pages about codes are tests too: an example gets its letter, and what stands instead does not."""

import re
from pathlib import Path

import pytest
from above import ABOVE
from click.testing import CliRunner

from lehr.cli.door import lehr
from lehr.compiler.graph.letters import CODES
from lehr.compiler.journey import travel
from lehr.compiler.lint.codes import OF_THE_LINTER, names
from lehr.compiler.tools.explain import code, pages, quantity
from lehr.compiler.tools.manual import kind

ROOT = Path(__file__).parent.parent.parent
_BLOCK = re.compile(r"```lehr( instead)?\n(.*?)```", re.S)
EXAMPLES = [
    pytest.param(number, bool(instead), text, id=f"{number}{instead}")
    for number in {**CODES, **OF_THE_LINTER}
    for instead, text in _BLOCK.findall(pages()[number][1])
]


@pytest.mark.parametrize(("number", "instead", "text"), EXAMPLES)
def test_an_example_gets_its_letter_and_what_stands_instead_is_sound(
    tmp_path: Path, number: str, instead: bool, text: str
):
    path = tmp_path / "recipe.lehr"
    path.write_text(ABOVE + text)
    letters = travel(str(path)).letters
    found = {letter.code for letter in letters if letter.severity != "note" or letter.code == number}
    assert found == (set() if instead else {number})


def test_every_code_has_a_page_and_one_name():
    assert {number: pages()[number][0] for number in names()} == names()
    source = "".join(path.read_text() for path in (ROOT / "runtime").rglob("*.py"))
    runtime = dict(re.findall(r'"(RUN\d{3})",\s+"([a-z-]+)"', source))
    assert {number: pages()[number][0] for number in runtime} == runtime


def test_a_code_is_found_by_number_and_by_name():
    assert code("sch101") == code("ragged-batch")
    assert "4Mi" in (code("SCH101") or "")
    assert code("SYN102")
    assert code("XYZ999") is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("128k context", "131 072 tokens of context (k is 1 024 for context, 1 000 for tokens)\n"),
        ("15.6T tokens", "15 600 000 000 000 tokens\n"),
        ("16Mi", "16 777 216, whatever it counts\n"),
        ("4k", "4 000 of tokens, steps, params or examples; 4 096 of context\n"),
        ("36h", "129 600 seconds\n"),
        ("3Bn", "there is no unit `Bn`\n"),
        ("pretrain", None),
    ],
)
def test_a_quantity_is_told(text: str, expected: str | None):
    assert quantity(text) == expected


def test_a_block_kind_lists_its_fields_and_those_of_its_blocks():
    page = kind("curate") or ""
    assert "`of`" in page
    assert "### `curate { dedup { … } }`" in page
    assert "`shingle`" in (kind("minhash") or "")
    assert "scale" in (kind("profile") or "")


def test_a_stage_says_where_every_value_comes_from(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(ROOT)
    found = CliRunner().invoke(lehr, ["explain", "long_context", "--profile", "rehearsal"])
    assert found.exit_code == 0
    tokens = next(line for line in found.stdout.splitlines() if line.startswith("  tokens"))
    assert re.search(r"8 000 tokens +specs/llama3.lehr:\d+, scale tokens by 1e-8 floor 4 steps", tokens)
    assert "# source: §3.4.2" in tokens
    assert found.stdout.count("  phase ") == 7


def test_what_nothing_is_called_is_a_fault_of_the_command(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(ROOT)
    found = CliRunner().invoke(lehr, ["explain", "distil"])
    assert found.exit_code == 2
    assert "did you mean `distill`?" in found.stderr
