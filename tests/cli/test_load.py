"""From a released Hugging Face folder on: `load`, train, release, and transformers opens what comes out."""

import json
import os
import shutil
import warnings
from pathlib import Path

import pytest

MADE = """\
lehr 1
pipeline first { runs = "runs/first" }
corpus notes { source = files("notes.jsonl") }
tokenizer words { from = [notes];  vocab = 300 }
arch tiny { layers = 1;  width = 32;  heads = 2;  ffn = 64;  vocab = 304;  rope = 50_000 }
init newborn { arch = tiny;  tokenizer = words }
train grown { from = newborn;  data = notes;  steps = 4;  context = 32 context;  batch = 128 tokens;  lr = 1e-3 }
release out { model = grown;  format = huggingface }
"""
LOADED = """\
lehr 1
pipeline second { runs = "runs/second" }
corpus notes { source = files("notes.jsonl") }
load base { path = "models/out" }
train more { from = base;  data = notes;  steps = 4;  context = 32 context;  batch = 128 tokens;  lr = 1e-3 }
release out { model = more;  format = huggingface }
"""


@pytest.fixture
def released(lehr, tmp_path: Path) -> Path:
    """A folder with a spec that loads what another one released."""
    rows = [{"text": f"note {number}: the {number}th of {number * number} words."} for number in range(400)]
    (tmp_path / "notes.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "made.lehr").write_text(MADE)
    (tmp_path / "loaded.lehr").write_text(LOADED)
    done = lehr("run", "made.lehr")
    assert done.returncode == 0, done.stderr
    shutil.copytree(tmp_path / "runs/first/release/out", tmp_path / "models/out")
    return tmp_path


def test_a_loaded_model_is_trained_on_with_its_own_positions_and_opens_in_transformers(lehr, released: Path):
    done = lehr("run", "loaded.lehr")
    assert done.returncode == 0, done.stderr
    folder = released / "runs/second/release/out"
    os.environ["HF_HUB_OFFLINE"] = "1"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from transformers import AutoModelForCausalLM, AutoTokenizer

        model, tokenizer = AutoModelForCausalLM.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    assert model.config.rope_parameters["rope_theta"] == 50_000
    assert tokenizer.decode(tokenizer("note 7: words")["input_ids"]) == "note 7: words"
    card = (folder / "README.md").read_text()
    assert "| train | 4 | 512 | 32 |" in card


def test_a_plan_leaves_to_the_run_what_only_the_loaded_model_knows(lehr, tmp_path: Path):
    (tmp_path / "loaded.lehr").write_text(LOADED)
    plan = json.loads(lehr("plan", "loaded.lehr", "--format", "json").stdout)["plan"]
    more = next(step for step in plan["steps"] if step["address"] == "more")
    assert [phase["rope"] for phase in more["work"]["phases"]] == [None]
