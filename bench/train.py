"""Training speed and memory on a CPU, beside Hugging Face's Trainer, a bare loop over its Llama, and litgpt's model.

    python bench/train.py [--quick]        needs the extra `bench`; litgpt is measured where it can be imported

One thread, CPU time, modes in turn in one process; peak memory in a fresh process per mode.  What is printed is
kept in `bench/results/train-cpu.md`.  It takes about ten minutes on an idle machine; `--quick` measures each thing
once, to see that it works, and keeps nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import warnings
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
warnings.filterwarnings("ignore")

import torch  # noqa: E402
from training import clocks, ours, theirs  # noqa: E402
from training.report import Report  # noqa: E402
from training.shape import CONTEXT, DOCUMENT, HAS_BF16, ROWS, Advance  # noqa: E402

RESULTS = Path(__file__).parent / "results" / "train-cpu.md"
MODES: dict[str, Callable[[], Advance]] = {
    "Trainer": lambda: theirs.trainer(bf16=False),
    "Trainer, bf16": lambda: theirs.trainer(bf16=True),
    "bare loop": theirs.bare_llama,
    "litgpt": theirs.litgpt,
    "ours": lambda: ours.advance(ours.loop()),
    "ours, bf16": lambda: ours.advance(ours.loop("bf16")),
    "ours, bf16 compiled": lambda: ours.advance(ours.loop("bf16", compile=True)),
}


def main() -> None:
    parser = argparse.ArgumentParser(description="Training speed and memory on a CPU, in ratios.")
    parser.add_argument("--quick", action="store_true", help="measure once, to see that it works")
    parser.add_argument("--peak", choices=list(MODES), help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.peak:
        print(json.dumps(peak(options.peak)))
        return
    report, turns = Report(), 1 if options.quick else 4
    modes = [name for name in MODES if name != "litgpt" or find_spec("litgpt")]
    speed(report, modes, turns)
    packed(report, turns)
    around(report, turns)
    memory(report, modes)
    if not options.quick:
        report.write(RESULTS)


def speed(report: Report, modes: list[str], turns: int) -> None:
    report.title(f"Tokens a CPU second, {ROWS} x {CONTEXT} tokens a step")
    spent = clocks.in_turn({name: MODES[name]() for name in modes}, turns)
    for name, seconds in spent.items():
        report.tell(name, ROWS * CONTEXT / seconds)
    base, best = spent["Trainer"], spent["ours, bf16 compiled"]
    report.title("Speed")
    report.tell("ours / Trainer", base / spent["ours"], least=1.08)
    report.tell("ours, bf16 compiled / Trainer", base / best, least=2.8 if HAS_BF16 else None)
    report.tell(
        "ours, bf16 compiled / Trainer, bf16", spent["Trainer, bf16"] / best, least=1.7 if HAS_BF16 else None
    )
    for peer in ("bare loop", "litgpt"):
        if peer in spent:
            report.tell(f"ours / {peer}", spent[peer] / spent["ours"])
    if "litgpt" not in spent:
        report.note("litgpt is not installed here, so its model is not measured.")


def packed(report: Report, turns: int) -> None:
    report.title(f"Documents of {DOCUMENT} tokens, packed, beside Hugging Face's dense mask")
    for context, rows, least in ((512, 8, 1.2), (4096, 1, 2.0)):
        ways = {
            "dense": theirs.bare_llama(context, rows, DOCUMENT),
            "ours": ours.advance(ours.loop(context=context, rows=rows, document=DOCUMENT)),
        }
        spent = clocks.in_turn(ways, max(1, turns // 2))
        report.tell(f"speed at a context of {context}", spent["dense"] / spent["ours"], least=least)


def around(report: Report, turns: int) -> None:
    report.title("Around the steps")
    report.tell("share of a step beside its passes and the optimizer", clocks.overhead(3 * turns), most=0.03)
    copy, whole = clocks.stall(turns)
    report.tell("a checkpoint stops the loop, in steps", copy, most=1.0)
    report.tell("and delays it with what its thread takes, in steps", whole, most=1.0)
    report.tell("`lehr run` to the first step, seconds", clocks.start_up(turns), most=6.0)


def memory(report: Report, modes: list[str]) -> None:
    report.title("Peak memory of two steps above the imports, MiB, a process each")
    found = {mode: above for mode in modes if (above := _peak_of(mode)) is not None}
    for mode, size in found.items():
        report.tell(mode, size)
    report.title("Memory")
    for mode in ("ours", "ours, bf16", "ours, bf16 compiled"):
        if mode in found:
            most = 0.65 if mode == "ours" else None
            report.tell(f"{mode} / Trainer", found[mode] / found["Trainer"], most=most)


def _peak_of(mode: str) -> float | None:
    out = subprocess.run([sys.executable, __file__, "--peak", mode], capture_output=True, text=True)
    if out.returncode:
        print(f"  {mode}: {out.stderr.strip().splitlines()[-1]}")
        return None
    return json.loads(out.stdout.strip().splitlines()[-1])


def peak(mode: str) -> float:
    """MiB that a mode needs at most above what its imports took."""
    if mode.startswith("Trainer"):
        from transformers import Trainer  # noqa: F401
    elif mode == "bare loop":
        from transformers import LlamaForCausalLM  # noqa: F401
    return clocks.above(MODES[mode])


if __name__ == "__main__":
    main()
