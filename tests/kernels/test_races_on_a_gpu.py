"""`bench/kernels_gpu.py`, which times kernels on a GPU: what it says without one, and what its page tells."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

BENCH = Path(__file__).parents[2] / "bench"


@pytest.fixture
def _bench_on_the_path(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As a script of that folder has it."""
    monkeypatch.syspath_prepend(BENCH)
    yield
    for name in [name for name in sys.modules if name.split(".")[0] == "gpu"]:
        del sys.modules[name]


@pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU is at hand")
def test_without_a_gpu_nothing_is_timed():
    ran = subprocess.run(
        [sys.executable, BENCH / "kernels_gpu.py"], capture_output=True, text=True, check=False
    )
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr.startswith("Nothing was timed: torch sees no GPU here.\n")


@pytest.mark.usefixtures("_bench_on_the_path")
def test_a_page_tells_ratios_and_what_was_not_measured():
    from gpu.race import OURS, Result, Taken, Target, Told
    from gpu.report import page

    targets = (Target("A / ours", "A", 1.25), Target("B / ours", "B", 2.0))
    race = Told("a race", "T 8", targets, most_mb=70)
    taken = {OURS: Taken(2.0, 64.0), "A": Taken(3.0, 128.0)}
    slower = {OURS: Taken(2.0, 71.0), "A": Taken(2.0, 128.0)}
    told = page([Result(race, 1e-3, taken, {"B": "no memory"}), Result(race, 1e-3, slower)], "a GPU")
    assert "| a race | T 8 | ours | 2.000 | 64 | 1e-03 |" in told
    assert "| a race | T 8 | B | not measured: no memory | | |" in told
    assert "| A / ours | 1.25 | 1.25 | 1.00 | met |" in told
    assert "| B / ours | 2.00 | nan | nan | not measured |" in told
    assert "| a race: MB, at most | 70 | 71 | 71 | missed |" in told
    rehearsed = page([Result(race, 1e-3, taken)], "a CPU", real=False)
    assert "met |" not in rehearsed
    assert "missed |" not in rehearsed


@pytest.mark.usefixtures("_bench_on_the_path")
def test_a_kernel_that_is_wrong_is_not_timed():
    from gpu.race import OURS, Race, Told, Where, run

    where = Where(torch.device("cpu"), real=False)
    ways = {OURS: lambda: torch.ones(2)}
    for error in (1.0, torch.nan):
        with pytest.raises(ArithmeticError, match="a race"):
            run(Race(Told("a race", ""), ways, lambda error=error: error), where)


@pytest.mark.usefixtures("_bench_on_the_path")
def test_a_peer_that_cannot_run_or_comes_to_something_else_is_told():
    from gpu.race import FLOOR, OURS, Race, Told, Where, run

    def broken() -> torch.Tensor:
        raise RuntimeError("no backend\nfor it")

    ways = {OURS: lambda: torch.ones(2), FLOOR: lambda: torch.zeros(3), "B": broken}
    ways |= {"scaled": lambda: (3 * torch.ones(2),), "other": lambda: torch.tensor([1.0, 0.0])}
    result = run(Race(Told("a race", ""), ways, lambda: 0.0), Where(torch.device("cpu"), real=False))
    assert set(result.taken) == {OURS, FLOOR, "scaled"}
    assert result.lacking["B"] == "no backend"
    assert "cosine" in result.lacking["other"]


@pytest.mark.proof
def test_every_race_is_run_on_a_cpu_with_our_kernels_and_those_of_liger():
    """Tiny shapes in Triton's interpreter: Liger's losses come to what ours come to."""
    pytest.importorskip("liger_kernel")
    ran = subprocess.run(
        [sys.executable, BENCH / "kernels_gpu.py", "--dry-run"], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    lines = ran.stdout.splitlines()
    for peer in (
        "SDPA flash",
        "FlexAttention",
        "SDPA, mask",
        "Liger",
        "Liger's distillation loss",
        "Liger's JSD",
    ):
        assert [line for line in lines if f"| {peer} |" in line and "not measured" not in line]
