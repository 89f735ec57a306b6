"""TRL in a folder of its own, without what it depends on that is here already."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file
from torch import Tensor

PEER = (
    "trl==1.16.0", "accelerate==1.15.0", "datasets==5.2.0", "dill==0.4.1", "multiprocess==0.70.19", "pandas==3.1.1",
    "psutil==7.2.2", "python-dateutil==4.0.0", "pytz==2026.6", "six==1.17.0", "tzdata==2026.6", "xxhash==4.1.0",
)  # fmt: skip
SCRIPT = Path(__file__).parent / "proofs" / "peer_trl.py"


def fetched(folder: Path) -> Path:
    """Where TRL lies: where `LEHR_TRL` says, else fetched into this folder."""
    if "LEHR_TRL" in os.environ:
        return Path(os.environ["LEHR_TRL"])
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(folder), *PEER]
    got = subprocess.run(install, capture_output=True, text=True, timeout=600, check=False)
    if got.returncode:
        pytest.skip(f"TRL cannot be fetched here: {got.stderr[-300:]}")
    return folder


def computed(folder: Path, peer: Path, cases: Sequence[dict[str, Any]]) -> dict[str, dict[str, Tensor]]:
    """What TRL makes of cases whose models lie in a folder: loss, gradients and metrics of each by name."""
    (folder / "cases.json").write_text(json.dumps(cases))
    environment = os.environ | {"PYTHONPATH": str(peer), "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(SCRIPT), str(folder)]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr[-3000:]
    return {case["name"]: load_file(folder / f"theirs-{case['name']}.safetensors") for case in cases}
