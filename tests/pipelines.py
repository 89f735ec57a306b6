"""A pipeline of seconds, and `lehr` started on it as a process of its own."""

import json
import os
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
