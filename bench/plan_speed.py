"""How long `lehr plan` takes on the largest recipe from a cold start, beside its limit and an empty Python.

    python bench/plan_speed.py

Each run is a whole process, the commands in turn.  Prints the median of processor time, which a busy
machine stretches less than wall time, both as ratios, and whether torch was imported.
"""

import subprocess

from installed import ROOT, installed, medians

ROUNDS = 15
LIMIT = 0.6
"""Seconds for the plan of the largest recipe with its costs, from a cold start."""

SAY = "import sys; from lehr.cli import main\ntry: main(sys.argv[1:])\nfinally: print('torch' in sys.modules)"
ARGUMENTS = {
    "lehr plan (quickstart)": ["plan", "specs/quickstart.lehr"],
    "lehr plan (llama3)": ["plan", "specs/llama3.lehr"],
    "lehr plan (llama3) --on": ["plan", "specs/llama3.lehr", "--on", "h100x16384"],
    "lehr diff (llama3, afm)": ["diff", "specs/llama3.lehr", "specs/afm.lehr"],
}


def main() -> None:
    with installed() as programs:
        python, lehr = str(programs / "python"), str(programs / "lehr")
        told = {name: [lehr, *arguments] for name, arguments in ARGUMENTS.items()}
        found = medians({"python -c pass": [python, "-c", "pass"], **told}, ROUNDS)
        say = [python, "-c", SAY, *ARGUMENTS["lehr plan (llama3)"]]
        done = subprocess.run(say, capture_output=True, cwd=ROOT, text=True, check=True)
    empty = found["python -c pass"][1]
    print(f"{'':26} {'processor':>10} {'wall':>8}   of empty Python   of the limit")
    for name, (wall, busy) in found.items():
        print(
            f"{name:26} {busy * 1000:7.0f} ms {wall * 1000:5.0f} ms   {busy / empty:15.1f}   {busy / LIMIT:12.2f}"
        )
    print(f"torch imported: {done.stdout.splitlines()[-1]}")


if __name__ == "__main__":
    main()
