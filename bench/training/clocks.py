"""How it is measured: CPU time of modes in turn, what the loop adds, a checkpoint's delay, and the start of a run."""

from __future__ import annotations

import gc
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import torch

from . import ours
from .shape import Advance


def in_turn(ways: Mapping[str, Advance], turns: int, steps: int = 2) -> dict[str, float]:
    """The median CPU seconds of a step, by mode; a turn before the first warms up."""
    spent: dict[str, list[float]] = {name: [] for name in ways}
    for advance in ways.values():
        advance(2)
    for _ in range(turns):
        for name, advance in ways.items():
            gc.collect()
            spent[name] += advance(steps)
    return {name: statistics.median(some) for name, some in spent.items()}


def overhead(steps: int) -> float:
    """The share of a step's CPU time that is neither forward, backward, clipping nor the optimizer."""
    loop, inside = ours.loop(), [0.0]

    def timed(call: Callable[..., Any]) -> Callable[..., Any]:
        def way(*arguments: Any, **named: Any) -> Any:
            began = time.process_time()
            try:
                return call(*arguments, **named)
            finally:
                inside[0] += time.process_time() - began

        return way

    advance = ours.advance(loop)
    advance(2)
    loop.passes._sum = timed(loop.passes._sum)  # forward
    loop.optimizer.step = timed(loop.optimizer.step)
    loop._clip = timed(loop._clip)
    backward, torch.Tensor.backward = torch.Tensor.backward, timed(torch.Tensor.backward)
    try:
        whole = sum(advance(steps))
    finally:
        torch.Tensor.backward = backward
    return 1 - inside[0] / whole


def stall(saves: int, between: int = 3) -> tuple[float, float]:
    """In steps, by the wall's clock: how long a checkpoint's copy stops the loop, and how much later a few steps
    and the checkpoint written beside them are done than the steps alone."""
    loop = ours.loop()
    advance = ours.advance(loop, time.perf_counter)
    advance(2)
    plain, copies, whole = list[float](), list[float](), list[float]()
    for _ in range(saves):
        plain += advance(between)
        began = time.perf_counter()
        loop._save()
        copies.append(time.perf_counter() - began)
        advance(between)
        loop._settle(wait=True)
        whole.append(time.perf_counter() - began)
    step = statistics.median(plain)
    return statistics.median(copies) / step, statistics.median(whole) / step - between


_SPEC = """lehr 1
pipeline start {{}}
corpus skills {{ source = builtin("skills") }}
tokenizer words {{ from = [skills];  vocab = 384;  sample = 200kB }}
arch small {{ layers = 1;  width = 32;  heads = 2;  kv_heads = 1;  ffn = 64;  vocab = words.vocab;  tied = true }}
init newborn {{ arch = small;  tokenizer = words;  std = 0.06 }}
train grown {{
  from = newborn;  data = skills;  steps = 1;  context = 32 context;  batch = 256 tokens;  lr = 1e-3;  rng = {rng}
}}
release base {{ model = grown }}
"""


def start_up(times: int) -> float:
    """Wall seconds from `lehr run` to the end of the first optimizer step; what comes before it is in the store."""
    with tempfile.TemporaryDirectory() as name:
        return statistics.median([_started(Path(name), rng) for rng in range(times + 1)][1:])


def _started(folder: Path, rng: int) -> float:
    (folder / "start.lehr").write_text(_SPEC.format(rng=rng))
    events = folder / "runs/start/full/events.jsonl"
    known = events.stat().st_size if events.exists() else 0
    began = time.time()
    command = [sys.executable, "-m", "lehr.cli", "run", "start.lehr"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    told = [json.loads(line) for line in events.read_bytes()[known:].splitlines()]
    first = next(one for one in told if (one["step"], one["event"]) == ("grown", "progress"))
    return datetime.fromisoformat(first["time"]).timestamp() - began


def above(way: Callable[[], Advance]) -> float:
    """MiB that two steps of a mode need at most above what this process has taken before."""
    torch.randn(64, 64) @ torch.randn(64, 64)
    before = _highest()
    way()(2)
    return (_highest() - before) / 1024


def _highest() -> int:
    """KiB of this program at most; what `getrusage` says is the parent's where that was larger."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
