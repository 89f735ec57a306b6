"""Where the values of a spec come from: what is said beside them, and what is not."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from lehr.cli.door import lehr
from lehr.compiler.front import parse
from lehr.compiler.text import Source
from lehr.compiler.tools.fidelity import Origin, fidelity, share

SPEC = """\
lehr 1

pipeline p { source = "arXiv:0000.00000" }
param seed: count = 7          # assumed
let peak = 0 ~> 3e-4 by end    # source: §3.2

corpus web {}
init seedling {}
arch small {                   # source: Table 1
  layers = 4
  width  = 128                 # assumed: the table is smudged
  tied   = true
  experts { count = 8 }
}
train first {
  from   = seedling
  data   = web
  tokens = 5T                  # source: §3.1
  lr     = peak
  batch  = 4Mi                 # the largest that fits
  optimizer { kind = adamw;  decay = peak.end / 2 }
}
repeat rounds for turn in 1..2 carry policy = first {
  sft taught { from = policy;  data = people.until(turn);  lr = first.lr.end;  epochs = 2 }
  next policy = taught
}
profile rehearsal { arch small { layers = 1 } }
"""


def told(text: str = SPEC) -> dict[str, tuple[str, str]]:
    file, letters = parse(Source("p.lehr", text))
    assert not letters
    return {f"{one.block} {one.field}".rstrip(): (one.origin.value, one.why) for one in fidelity([file])}


def test_every_value_has_the_origin_that_stands_beside_it():
    assert told() == {
        "param seed": ("assumed", ""),
        "let peak": ("reported", "§3.2"),
        "arch small layers": ("reported", "Table 1"),
        "arch small width": ("assumed", "the table is smudged"),
        "arch small tied": ("reported", "Table 1"),
        "arch small experts.count": ("reported", "Table 1"),
        "train first tokens": ("reported", "§3.1"),
        "train first lr": ("derived", "peak"),
        "train first batch": ("unmarked", ""),
        "train first optimizer.kind": ("unmarked", ""),
        "train first optimizer.decay": ("unmarked", ""),
        "sft taught data": ("derived", "people.until(turn)"),
        "sft taught lr": ("derived", "first.lr.end"),
        "sft taught epochs": ("unmarked", ""),
    }


def test_what_is_derived_is_not_counted_and_names_of_blocks_are_no_values():
    file, _ = parse(Source("p.lehr", SPEC))
    values = fidelity([file])
    assert {one.field for one in values}.isdisjoint({"from", "source"})
    assert share(values) == pytest.approx(5 / 11)
    assert share([one for one in values if one.origin is Origin.DERIVED]) is None


@pytest.fixture
def spec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    text = "lehr 1\npipeline p {}\nlet a = 2  # source: p. 4\nlet b = 3\nlet c = a\n"
    Path("one.lehr").write_text(text)
    return "one.lehr"


def test_the_screen_lists_what_nobody_reported(spec: str):
    ran = CliRunner().invoke(lehr, ["fidelity", spec])
    assert (ran.exit_code, ran.output) == (
        0,
        "       reported  derived  assumed  unmarked  coverage\n"
        "let a         1                                  100%\n"
        "let b                                     1        0%\n"
        "let c                  1\n"
        "all           1        1                  1       50%\n"
        "\n"
        "unmarked\n"
        "  one.lehr:4  let b  3\n",
    )


def test_strict_fails_where_a_value_says_nothing(spec: str):
    assert CliRunner().invoke(lehr, ["fidelity", "--strict", spec]).exit_code == 1
    Path(spec).write_text("lehr 1\npipeline p {}\nlet a = 2  # assumed\n")
    assert CliRunner().invoke(lehr, ["fidelity", "--strict", spec]).exit_code == 0


def test_json_has_every_value_with_its_place(spec: str):
    ran = CliRunner().invoke(lehr, ["fidelity", spec, "--format", "json"])
    first, *_ = json.loads(ran.output)["values"]
    assert first == {
        "path": "one.lehr",
        "line": 3,
        "block": "let a",
        "field": "",
        "value": "2",
        "origin": "reported",
        "why": "p. 4",
    }


def test_a_spec_that_is_wrong_gets_its_letters(spec: str):
    Path(spec).write_text("lehr 1\npipeline p {}\nlet a = b\n")
    ran = CliRunner().invoke(lehr, ["fidelity", spec])
    assert ran.exit_code == 1
    assert "NAM101" in ran.output


@pytest.mark.parametrize("recipe", ["afm", "gemma2", "llama3", "qwen2"])
def test_every_value_of_a_recipe_says_where_it_comes_from(recipe: str):
    ran = CliRunner().invoke(lehr, ["fidelity", "--strict", f"specs/{recipe}.lehr"])
    assert ran.exit_code == 0, ran.output
