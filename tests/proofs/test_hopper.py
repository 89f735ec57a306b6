"""Every kernel compiled for a Hopper, by the oldest Triton that is supported and by the newest.

Each Triton is installed into a folder of its own, without torch, which no kernel needs.
Printed with `-s`: the most that each kernel takes.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import defaultdict
from dataclasses import asdict
from pathlib import Path

import pytest
import torch

pytest.importorskip("triton")

from hopper import compiled
from hopper.cases import every_attention, every_loss
from hopper.compiled import SHARED, Case, Taken

pytestmark = pytest.mark.proof


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    return [*every_loss(), *every_attention((torch.bfloat16, torch.float16))]


@pytest.mark.parametrize("version", ["3.6.0", "3.9.0"])
def test_every_kernel_fits_a_hopper(version: str, cases: list[Case], tmp_path: Path):
    folder = tmp_path / "triton"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(folder)]
    subprocess.run([*pip, f"triton=={version}"], check=True)
    taken = asked(folder, cases)
    for kernel, most in most_of(cases, taken).items():
        print(f"triton {version}, {kernel}: {most}")
    over = {
        case.name: one
        for case, one in zip(cases, taken, strict=True)
        if one.stack or one.shared > SHARED or (one.wgmma > 0) != case.products
    }
    assert over == {}


def asked(folder: Path, cases: list[Case]) -> list[Taken]:
    """By a Triton of its own: nothing of this environment is on its path."""
    ran = subprocess.run(
        [sys.executable, "-S", compiled.__file__],
        input=json.dumps([asdict(case) for case in cases]),
        env=os.environ | {"PYTHONPATH": str(folder), "TRITON_CACHE_DIR": str(folder / "cache")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return [Taken(**one) for one in json.loads(ran.stdout)]


def most_of(cases: list[Case], taken: list[Taken]) -> dict[str, str]:
    """Registers kept in memory, registers and shared memory of each kernel, at most."""
    by_kernel: dict[str, list[Taken]] = defaultdict(list)
    for case, one in zip(cases, taken, strict=True):
        told = case.name.split(": ")
        by_kernel[f"{told[0]}, {told[1].split(',')[0]}"].append(one)
    return {
        kernel: f"{max(one.stack for one in some)} bytes, {max(one.registers for one in some)} registers,"
        f" {max(one.shared for one in some) >> 10} KB"
        for kernel, some in by_kernel.items()
    }
