"""How long `lehr plan` takes on the largest recipe from a cold start, beside its limit and an empty Python.

    python bench/plan_speed.py

Each run is a whole process, the commands in turn.  Prints the median of processor time, which a busy
machine stretches less than wall time, both as ratios, and whether torch was imported.
"""

import os
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
ROUNDS = 15
LIMIT = 0.6
"""Seconds for the plan of the largest recipe with its costs, from a cold start."""

SAY = "import sys; from lehr.cli import main\ntry: main(sys.argv[1:])\nfinally: print('torch' in sys.modules)"
LLAMA = [sys.executable, "-m", "lehr.cli", "plan", "specs/llama3.lehr"]
COMMANDS = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "lehr plan (quickstart)": [*LLAMA[:-1], "specs/quickstart.lehr"],
    "lehr plan (llama3)": LLAMA,
    "lehr plan (llama3) --on": [*LLAMA, "--on", "h100x16384"],
    "lehr diff (llama3, afm)": [*LLAMA[:3], "diff", "specs/llama3.lehr", "specs/afm.lehr"],
}
AS_INSTALLED = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
"""An installed package has its bytecode; a machine that forbids to write it would compile at every start."""


def seconds(command: list[str]) -> tuple[float, float]:
    """Processor time and wall time of one run."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, env=AS_INSTALLED, cwd=ROOT)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, time.perf_counter() - began


def main() -> None:
    for command in COMMANDS.values():
        seconds(command)
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in COMMANDS}
    for _ in range(ROUNDS):
        for name, command in COMMANDS.items():
            times[name].append(seconds(command))
    medians = {
        name: [statistics.median(one) for one in zip(*taken, strict=True)] for name, taken in times.items()
    }
    empty = medians["python -c pass"][0]
    print(f"{'':26} {'processor':>10} {'wall':>8}   of empty Python   of the limit")
    for name, (busy, wall) in medians.items():
        print(
            f"{name:26} {busy * 1000:7.0f} ms {wall * 1000:5.0f} ms   {busy / empty:15.1f}   {busy / LIMIT:12.2f}"
        )
    done = subprocess.run([sys.executable, "-c", SAY, *LLAMA[3:]], capture_output=True, cwd=ROOT, text=True)
    print(f"torch imported: {done.stdout.splitlines()[-1]}")


if __name__ == "__main__":
    main()
