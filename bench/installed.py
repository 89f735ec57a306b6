"""Lehr as a user installs it: a wheel in an environment of its own, without what develops it.

A start from a source tree is slower: an editable install is found through a hook, and Lark
imports two packages for building its tables when it finds them, which only the tests need.
"""

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parent.parent
WITH_BYTECODE = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
"""An installed package has its bytecode; a machine that forbids to write it would compile at every start."""


@contextmanager
def installed() -> Iterator[Path]:
    """The folder of programs of a new environment that holds Lehr; the environment goes with the block."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        programs = Path(folder) / "bin"
        pip = [str(programs / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "-c", "constraints.txt", "."], check=True, cwd=ROOT, env=WITH_BYTECODE)
        yield programs


def seconds(command: list[str]) -> tuple[float, float]:
    """Wall time and processor time of one run, a whole process."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, env=WITH_BYTECODE, cwd=ROOT)
    wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def medians(commands: dict[str, list[str]], rounds: int) -> dict[str, tuple[float, ...]]:
    """Of both times, over rounds in which the commands take turns; each has run once before."""
    for command in commands.values():
        seconds(command)
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
    for _ in range(rounds):
        for name, command in commands.items():
            times[name].append(seconds(command))
    return {
        name: tuple(statistics.median(one) for one in zip(*taken, strict=True))
        for name, taken in times.items()
    }
