"""Pruned and upcycled starts beat random ones at equal tokens; three seeds, written to `bench/results/pruning.md`."""

import json
import platform
from pathlib import Path
from statistics import mean, stdev

import pytest
import torch
from pipelines import go

from lehr.compiler import compile as compile_spec
from lehr.compiler.plan.model import TrainedWork
from lehr.compiler.units import digits
from lehr.runtime.stages.editions import EDITIONS

SPEC = Path(__file__).with_name("surgery.lehr")
PAGE = Path(__file__).parents[2] / "bench" / "results" / "pruning.md"
SEEDS = (1, 2, 3)
pytestmark = pytest.mark.proof

TOLD = {
    "parent": "the wide model",
    "slim": "pruned by a learned mask",
    "pruned": "… and trained",
    "blunt": "cut by the size of its weights, one step",
    "cut": "… and trained",
    "narrowed": "the narrow model from a random start",
    "sparse": "upcycled, half of every expert drawn anew",
    "upcycled": "… and trained",
    "mixed": "the mixture from a random start",
}
ABOUT = (
    "# Pruned and upcycled starts",
    "",
    "Written by `tests/proofs/test_surgery.py` (`make proofs`), which runs `tests/proofs/surgery.lehr`; all settings "
    "are there.",
    "A model of 2 layers, 64 wide, is trained on `skills`. Its feed-forwards are pruned from 256 hidden units to 16,",
    "and made into 8 experts of 128, 2 of them active, with a shared one. Loss in nats a token on what was held out,",
    "mean ± standard deviation over the seeds; tokens are those read since the wide model, or since a random start.",
    "",
    "| model | | tokens | loss | by seed |",
    "|---|---|--:|--:|---|",
)


@pytest.fixture(scope="module")
def losses(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[float]]:
    """Held-out loss of every model, by seed; seeds share a store."""
    folder, found = tmp_path_factory.mktemp("surgery"), {name: list[float]() for name in TOLD}
    for seed in SEEDS:
        ran = go(folder, "run", str(SPEC), "--set", f"seed={seed}", timeout=1800)
        assert ran.returncode == 0, ran.stderr
        entries = json.loads((folder / "runs/surgery/full/ledger.json").read_text())["entries"]
        for name, values in found.items():
            values.append(entries[f"marks({name})"]["facts"]["scores"]["reads"]["nats"])
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(page(found), encoding="utf-8")
    return found


def page(found: dict[str, list[float]]) -> str:
    read = tokens()
    rows = [
        f"| `{name}` | {told} | {digits(read[name])} | {mean(found[name]):.3f} ± {stdev(found[name]):.3f} | "
        f"{' '.join(f'{one:.3f}' for one in found[name])} |"
        for name, told in TOLD.items()
    ]
    where = f"{platform.machine()}, one thread; torch {torch.__version__}, Python {platform.python_version()}"
    seeds = ", ".join(map(str, SEEDS))
    return "\n".join([*ABOUT, *rows, "", f"Seeds {seeds}; {where}.", ""])


def tokens() -> dict[str, int]:
    """Tokens that each model read since the wide model or a random start."""
    plan, _ = compile_spec(str(SPEC), editions=EDITIONS)
    assert plan
    read: dict[str, int] = {}
    for step in plan.steps:
        before = step.inputs.get("model", "")
        own = step.work.tokens if isinstance(step.work, TrainedWork) else 0
        read[step.address] = own + (0 if before == "parent" else read.get(before, 0))
    return read


def test_starts_are_compared_at_equal_tokens():
    read = tokens()
    assert read["pruned"] == read["cut"] == read["narrowed"]
    assert read["upcycled"] == read["mixed"]


def test_a_pruned_start_beats_a_random_one(losses: dict[str, list[float]]):
    for pruned, random in zip(losses["pruned"], losses["narrowed"], strict=True):
        assert pruned < random - 0.02


def test_a_learned_mask_beats_a_cut_by_size(losses: dict[str, list[float]]):
    for learned, blunt in zip(losses["slim"], losses["blunt"], strict=True):
        assert learned < blunt - 0.1


def test_an_upcycled_start_beats_a_random_one(losses: dict[str, list[float]]):
    for upcycled, random in zip(losses["upcycled"], losses["mixed"], strict=True):
        assert upcycled < random - 0.05
