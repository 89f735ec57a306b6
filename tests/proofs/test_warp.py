"""WARP and one long run of as many steps, one setting and seed: both learn, and merges lie between what they merge.

The spec is `warp.lehr`; `bench/warp.py` runs it for six settings and three seeds and compares the fronts.
"""

import json
from pathlib import Path
from typing import Any

import pytest
from pipelines import go
from safetensors.torch import load_file
from torch import Tensor

SPEC = Path(__file__).with_name("warp.lehr")
pytestmark = pytest.mark.proof


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("warp")
    ran = go(folder, "run", str(SPEC), timeout=1800)
    assert ran.returncode == 0, ran.stderr
    return folder


@pytest.fixture(scope="module")
def entries(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "runs/warp/full/ledger.json").read_text())["entries"]


def test_both_ways_take_as_many_steps_and_are_paid_more_than_at_first(entries: dict[str, Any]):
    policies = [f"laps[{lap}].run[{place}].policy" for lap in (1, 2) for place in (1, 2)]
    assert sum(entries[one]["facts"]["steps"] for one in policies) == entries["long"]["facts"]["steps"]
    first = entries["long"]["facts"]["reward_first"]
    assert entries["long"]["facts"]["reward"] > first
    last = [entries[one]["facts"]["reward"] for one in policies[2:]]
    assert sum(last) / len(last) > first


def test_merges_lie_between(folder: Path, entries: dict[str, Any]):
    """A peak is nearer to each policy than these are to each other, and the step back is half of the way to it."""

    def weights(address: str) -> dict[str, Tensor]:
        found = folder / "runs/artifacts" / entries[address]["fingerprint"] / "model.safetensors"
        return {name: one.double() for name, one in load_file(found).items()}

    def far(one: dict[str, Tensor], start: dict[str, Tensor]) -> float:
        return sum((one[name] - start[name]).square().sum().item() for name in start) ** 0.5

    start = weights("tuned")
    for lap in (1, 2):
        peak, back = weights(f"laps[{lap}].peak"), weights(f"laps[{lap}].back")
        policies = [weights(f"laps[{lap}].run[{place}].policy") for place in (1, 2)]
        assert max(far(peak, one) for one in policies) < far(*policies)
        assert far(back, start) == pytest.approx(far(peak, start) / 2, rel=1e-4)
        start = back
