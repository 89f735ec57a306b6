"""Merging two models of two gigabytes takes less than one of anonymous memory, by whichever method."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.proof

BENCH = Path(__file__).parents[2] / "bench" / "merging.py"


def test_memory_does_not_grow_with_the_models(tmp_path: Path):
    command = [
        sys.executable,
        str(BENCH),
        "--gigabytes",
        "2",
        "--rounds",
        "1",
        "--json",
        "--folder",
        str(tmp_path),
    ]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=3000, check=False)
    assert ran.returncode == 0, ran.stderr
    runs = json.loads(ran.stdout.splitlines()[-1])
    methods = {mode: each[0] for mode, each in runs.items() if mode.startswith("lehr")}
    for mode, one in methods.items():
        print(f"{mode}: {one['anonymous'] / 1e6:.0f} MB, {one['wall']:.1f} s, {one['cpu']:.1f} s of CPU")
    assert len(methods) == 5
    assert max(one["anonymous"] for one in methods.values()) < 1e9
