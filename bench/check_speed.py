"""How long `lehr check` takes from a cold start, beside an empty Python and beside ruff on a small file.

    python bench/check_speed.py

Prints the medians of wall time and of processor time over twenty runs in turn, and the ratios.  Each
run is a whole process, as a user or a CI job starts it.  A busy machine stretches wall time first.
"""

import shutil
import sys
from pathlib import Path

from installed import ROOT, installed, medians

RUFF = Path(sys.executable).parent / "ruff"
ROUNDS = 20
RECIPES = [str(ROOT / "specs" / f"{name}.lehr") for name in ("llama3", "qwen2", "gemma2", "afm")]
LIMIT = 0.5
"""Seconds for all rules over the four recipes, from a cold start."""


def commands(programs: Path) -> dict[str, list[str]]:
    small, quickstart = str(ROOT / "cli" / "__main__.py"), str(ROOT / "specs" / "quickstart.lehr")
    every = {
        "python -c pass": [str(programs / "python"), "-c", "pass"],
        "ruff check (one small file)": [str(RUFF), "check", "--no-cache", "--quiet", small],
        "lehr check (quickstart)": [str(programs / "lehr"), "check", quickstart],
        "lehr check (four recipes)": [str(programs / "lehr"), "check", *RECIPES],
    }
    return {name: command for name, command in every.items() if shutil.which(command[0])}


def main() -> None:
    with installed() as programs:
        found = medians(commands(programs), ROUNDS)
    empty = found["python -c pass"][0]
    print(f"{'':28} {'wall':>9} {'processor':>10}   of an empty Python")
    for name, (wall, busy) in found.items():
        print(f"{name:28} {wall * 1000:6.0f} ms {busy * 1000:7.0f} ms   {wall / empty:18.1f}")
    wall, busy = found["lehr check (four recipes)"]
    said = f"{wall / LIMIT:.2f} of the limit of {LIMIT} s, {busy / LIMIT:.2f} by processor time"
    print(f"the four recipes, all rules: {said}")


if __name__ == "__main__":
    main()
