"""The kernels under the oldest Triton that is supported and under the newest, each in a folder of its own.

Every kernel is compiled for a Hopper, which needs neither a GPU nor torch; and the tests in the interpreter, which
the default suite runs with the Triton that is installed, are run with the oldest.
Printed with `-s`: the most that each kernel takes.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import pytest

pytest.importorskip("triton")

from hopper import compiled
from hopper.cases import every_attention, every_loss
from hopper.compiled import SHARED, Case, Taken

pytestmark = pytest.mark.proof

OLDEST, NEWEST = "3.6.0", "3.9.0"
KERNELS = Path(__file__).parents[1] / "kernels"


@pytest.mark.parametrize("version", [OLDEST, NEWEST])
def test_every_kernel_fits_a_hopper(version: str, tmp_path: Path):
    cases = [*every_loss(), *every_attention()]
    taken = asked(installed(tmp_path, f"triton=={version}"), cases)
    for kernel, most in most_of(cases, taken).items():
        print(f"triton {version}, {kernel}: {most}")
    over = {
        case.name: one
        for case, one in zip(cases, taken, strict=True)
        if one.stack or one.shared > SHARED or (one.wgmma > 0) != case.products
    }
    assert over == {}


@pytest.mark.parametrize("tests", ["interpreted", "test_kernel_losses_in_triton.py"])
def test_the_interpreted_tests_pass_under_the_oldest(tests: str, tmp_path: Path):
    """Its interpreter makes scalars of arrays, which NumPy deprecates and from 2.4 on refuses."""
    folder = installed(tmp_path, f"triton=={OLDEST}", "numpy>=2,<2.4")
    command = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "ignore", KERNELS / tests]
    ran = run(command, PYTHONPATH=str(folder), TRITON_INTERPRET="1")
    assert "passed" in ran.splitlines()[-1]


def installed(folder: Path, *packages: str) -> Path:
    """Packages in a folder, without what they need."""
    run(["-m", "pip", "install", "--quiet", "--no-deps", "--target", folder, *packages])
    return folder


def asked(folder: Path, cases: Sequence[Case]) -> list[Taken]:
    """By a Triton of its own: nothing of this environment is on its path."""
    told = json.dumps([asdict(case) for case in cases])
    variables = {"PYTHONPATH": str(folder), "TRITON_CACHE_DIR": str(folder / "cache")}
    return [Taken(**one) for one in json.loads(run(["-S", compiled.__file__], told, **variables))]


def run(arguments: Sequence[str | Path], told: str = "", **variables: str) -> str:
    ran = subprocess.run(
        [sys.executable, *arguments],
        input=told,
        env=os.environ | variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def most_of(cases: Sequence[Case], taken: Sequence[Taken]) -> dict[str, str]:
    """Registers kept in memory, registers and shared memory of each kernel, at most."""
    by_kernel: dict[str, list[Taken]] = defaultdict(list)
    for case, one in zip(cases, taken, strict=True):
        told = case.name.split(": ")
        by_kernel[f"{told[0]}, {told[1].split(',')[0]}"].append(one)
    return {
        kernel: f"{max(one.stack for one in some)} bytes, {max(one.registers for one in some)} registers,"
        f" {max(one.shared for one in some) / 1024:.1f} KB"
        for kernel, some in by_kernel.items()
    }
