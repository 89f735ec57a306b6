"""What a plan took a corpus to hold, against what came out: a second reading that nobody planned is a letter."""

from pathlib import Path

import pytest

from lehr.compiler import compile as compile_spec
from lehr.compiler.plan.model import Plan
from lehr.runtime.engine.budget import shortfall
from lehr.runtime.engine.walk import run
from lehr.runtime.errors import StageError
from lehr.runtime.stages.editions import EDITIONS

SPEC = """\
lehr 1
pipeline tiny { }
corpus some {{ source = files("*.txt");  tokens = {tokens} }}
tokenizer words {{ from = [some];  vocab = 384;  sample = 10kB }}
arch small {{ layers = 1;  width = 16;  heads = 2;  ffn = 32;  vocab = words.vocab;  tied = true }}
init newborn {{ arch = small;  tokenizer = words }}
train grown {{ from = newborn;  data = some; tokens = {first};  batch = 128 tokens;  context = 32 context;  lr = 1e-3 }}
train last {{ from = grown;  data = some; tokens = {last};  batch = 128 tokens;  context = 32 context;  lr = 1e-3 }}
"""


def planned(folder: Path, tokens: int, first: int, last: int) -> Plan:
    spec = folder / "tiny.lehr"
    filled = SPEC.replace("{ }", "{{ }}").format(
        tokens=f"{tokens} tokens", first=f"{first} tokens", last=f"{last} tokens"
    )
    spec.write_text(filled)
    plan, letters = compile_spec(str(spec), editions=EDITIONS)
    assert plan, letters
    return plan


def said(plan: Plan, here: int) -> StageError | None:
    tokenized = next(step for step in plan.steps if step.work.kind == "tokenize")
    parts = {
        "train": {"tokens": here - 8, "documents": 9},
        "heldout": {"tokens": 8, "documents": 1, "short": 3},
    }
    return shortfall(plan, tokenized, lambda address: parts)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in "abcdefgh":
        (tmp_path / f"{name}.txt").write_text(f"{name} text of a few words and no more\n" * 20)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("tokens", "first", "here"),
    [
        (10_000, 9_984, 10_000),  # all of it, once
        (10_000, 9_984, 9_950),  # sizes are rounded
        (10_000, 4_992, 6_000),  # less than was planned, and enough
        (10_000, 14_976, 8_000),  # a second pass was planned
        (5_000, 4_992, 10_000),  # more than was planned
    ],
)
def test_what_is_read_as_often_as_was_planned_is_well(folder: Path, tokens: int, first: int, here: int):
    assert said(planned(folder, tokens, first, 128), here) is None


def test_a_stage_that_would_read_again_is_named_with_what_there_is(folder: Path):
    found = said(planned(folder, 10_000, 9_984, 128), 6_000)
    assert found is not None
    assert (found.code, found.step) == ("RUN270", "grown")
    assert found.notes == (
        "planned: 10,000 tokens",
        "here: 6,000 tokens in 10 documents",
        "3 documents were shorter than the corpus's `lengths`, and left out",
        "`grown` comes to 9,984 tokens of it: pass 2, where 1 was planned",
    )


def test_what_earlier_stages_have_read_counts(folder: Path):
    found = said(planned(folder, 10_000, 4_992, 4_992), 6_000)
    assert found is not None
    assert found.step == "last"


def test_it_is_said_before_anything_is_trained(folder: Path):
    plan = planned(folder, 100_000, 99_968, 128)
    with pytest.raises(StageError) as caught:
        run(plan)
    assert caught.value.code == "RUN270"
    assert not (folder / plan.run / "checkpoints").exists()


def test_a_spec_without_sizes_has_nothing_to_fall_short_of(folder: Path):
    plan = planned(folder, 10_000, 9_984, 128)
    assert said(plan.model_copy(update={"sizes": {}}), 10) is None
