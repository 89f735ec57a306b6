"""How long `lehr check` takes from a cold start, beside an empty Python and beside ruff on a small file.

    python bench/check_speed.py

Prints the median wall time of each over twenty runs in turn, and the ratios.
Each run is a whole process, as a user or a CI job starts it.
"""

import os
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent
ROUNDS = 20
RECIPES = [str(ROOT / "specs" / f"{name}.lehr") for name in ("llama3", "qwen2", "gemma2", "afm")]
LIMIT = 0.5
"""Seconds for all rules over the four recipes, from a cold start."""

COMMANDS = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "ruff check (one small file)": [
        str(BIN / "ruff"),
        "check",
        "--no-cache",
        "--quiet",
        str(ROOT / "cli" / "__main__.py"),
    ],
    "lehr check (quickstart)": [str(BIN / "lehr"), "check", str(ROOT / "specs" / "quickstart.lehr")],
    "lehr check (four recipes)": [str(BIN / "lehr"), "check", *RECIPES],
}


AS_INSTALLED = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
"""An installed package has its bytecode; a machine that forbids to write it would compile at every start."""


def seconds(command: list[str]) -> float:
    began = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, env=AS_INSTALLED)
    return time.perf_counter() - began


def main() -> None:
    commands = {name: command for name, command in COMMANDS.items() if shutil.which(command[0])}
    for command in commands.values():
        seconds(command)
    times: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(ROUNDS):
        for name, command in commands.items():
            times[name].append(seconds(command))
    medians = {name: statistics.median(taken) for name, taken in times.items()}
    ours = medians["lehr check (quickstart)"]
    for name, taken in medians.items():
        print(f"{name:30} {taken * 1000:7.0f} ms   lehr check takes {ours / taken:5.2f}x this")
    recipes = medians["lehr check (four recipes)"]
    print(f"the four recipes, all rules: {recipes:.2f} s, {recipes / LIMIT:.2f} of the limit of {LIMIT} s")


if __name__ == "__main__":
    main()
