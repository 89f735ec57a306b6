"""A pipeline of seconds, and `lehr` started on it as a process of its own."""

import json
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

SPEC = """\
lehr 1
pipeline tiny { rng = 7 }
corpus skills { source = builtin("skills", wrong: 20%) }
corpus gold   { source = builtin("skills") }
tokenizer words { from = [skills];  vocab = 384;  sample = 200kB }
arch small { layers = 1;  width = 32;  heads = 2;  kv_heads = 1;  ffn = 64;  vocab = words.vocab;  tied = true }
init newborn { arch = small;  tokenizer = words;  std = 0.06 }
mix both { skills = 70% ~> 20% by end;  gold = rest }
train grown {
  from    = newborn
  data    = skills -> both at 50%
  steps   = 60
  context = 32 context -> 64 context at 70%
  batch   = 256 tokens
  lr      = 0 ~> 3e-3 by 10 steps ~> 3e-4 by end via cosine
  checkpoint { every = 7 steps;  keep = 2 }
  average    { every = 5 steps;  start = 60% }
}
train last { from = grown;  data = gold;  steps = 10;  batch = 256 tokens;  lr = 3e-4 ~> 0 by end }
bench reads   { suite = perplexity(gold, sequences: 8);  context = 64 context }
bench answers { suite = exact_match(gold, questions: 10) }
eval marks { of = [newborn, last];  benches = [reads, answers];  continuations { prompts = ["the last of"] } }
release base { model = last }
"""


def command(folder: Path, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "lehr.cli", *arguments],
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONIOENCODING": "utf-8", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def go(
    folder: Path, *arguments: str, timeout: float = 300, **environment: str
) -> subprocess.CompletedProcess[str]:
    process = command(folder, *arguments, **environment)
    out, err = process.communicate(timeout=timeout)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def weights(folder: Path) -> bytes:
    return (folder / "runs/tiny/full/release/base/model.safetensors").read_bytes()


def events(folder: Path) -> list[dict[str, Any]]:
    lines = (folder / "runs/tiny/full/events.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines if line.startswith("{") and line.endswith("}")]


def entries(folder: Path) -> dict[str, dict[str, Any]]:
    """What the ledger says of every step, but for how long it took."""
    ledger = json.loads((folder / "runs/tiny/full/ledger.json").read_text())
    return {
        name: {key: value for key, value in entry.items() if key != "seconds"}
        for name, entry in ledger["entries"].items()
    }


def before_training(done: Path, folder: Path) -> Path:
    """A copy of a finished run's folder as it was before `grown`: its data and its new model are there."""
    shutil.copytree(done, folder)
    told = entries(folder)
    for name in ("grown", "last", "marks(last)", "base"):
        shutil.rmtree(folder / "runs/artifacts" / told[name]["fingerprint"])
    shutil.rmtree(folder / "runs/tiny")
    return folder


PLACES: dict[str, tuple[dict[str, int], float]] = {
    "step": ({"step": 68}, 0.01),
    "checkpoint": ({"saving": 8, "checkpoint": 8, "manifest": 8}, 0.004),
    "rename": ({"before-checkpoint-rename": 8, "before-rename": 3, "replace:ledger.json": 14}, 0.001),
    "phase": ({"phase": 4}, 0.005),
    "stage": ({"stage": 4, "after-rename": 3}, 0.03),
}
"""Kinds of places: points of each, with how often a run that begins before `grown` passes them; and for how long
after a point, in seconds, a kill still falls at the place."""


def moment(kind: str, seed: int) -> str:
    """A fault that kills a run at a random moment around a place of this kind."""
    draw = random.Random(f"{kind} {seed}")
    passings, last = PLACES[kind]
    place = draw.choice(sorted(passings))
    return f"{place}=kill:{draw.uniform(0, last):.5f}@{draw.randint(1, passings[place])}"
