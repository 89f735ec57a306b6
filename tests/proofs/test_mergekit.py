"""Merges beside mergekit, where the two mean the same; and the differences that docs/merging.md names.

mergekit is fetched into a folder of its own, without what it depends on that is here already.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest
import torch
from merging import ARCH, give, merged, tensors, work
from safetensors.torch import save_file
from torch import Tensor

from lehr.runtime.parts.huggingface.written import config
from lehr.runtime.parts.seeds import seed

pytestmark = pytest.mark.proof

PEER = (
    "mergekit==0.1.5", "accelerate==1.15.0", "datasets==5.2.0", "dill==0.4.1", "immutables==0.21",
    "multiprocess==0.70.19", "pandas==3.1.1", "peft==0.21.2", "protobuf==7.36.2", "psutil==7.2.2",
    "scipy==1.17.1", "sentencepiece==0.2.3", "xxhash==4.1.0",
)  # fmt: skip
WEIGHTS, DENSITY = (Fraction(1, 4), Fraction(3, 4)), Fraction(1, 4)
RNG = 5
Theirs = Callable[[str], dict[str, Tensor]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three models and what mergekit made of them."""
    folder = tmp_path_factory.mktemp("mergekit")
    base = give(folder / "base")
    for rng, name in enumerate(("one", "other"), 2):
        give(folder / name, rng=rng, like=base, step=0.3)
    for name in ("base", "one", "other"):
        (folder / name / "config.json").write_text(json.dumps(config(ARCH, 64, None, None)))
    save_file(masks(tensors(base)), folder / "masks.safetensors")
    install = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--target",
        str(folder / "peer"),
        *PEER,
    ]
    got = subprocess.run(install, capture_output=True, text=True, timeout=600, check=False)
    if got.returncode:
        pytest.skip(f"mergekit cannot be fetched here: {got.stderr[-300:]}")
    script = Path(__file__).parent / "peer_mergekit.py"
    environment = os.environ | {"PYTHONPATH": str(folder / "peer"), "HF_HUB_OFFLINE": "1"}
    ran = subprocess.run(
        [sys.executable, str(script), str(folder)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return folder


def masks(base: dict[str, Tensor]) -> dict[str, Tensor]:
    """What our DARE keeps."""
    found: dict[str, Tensor] = {}
    for name, tensor in base.items():
        for place in range(2):
            draw = torch.Generator().manual_seed(seed(RNG, "dare", place, name))
            found[f"{name}|{place}"] = (torch.rand(tensor.numel(), generator=draw) < float(DENSITY)).float()
    return found


@pytest.fixture
def theirs(folder: Path) -> Theirs:
    return lambda name: tensors(folder / f"theirs-{name}")


@pytest.fixture
def ours(folder: Path, tmp_path: Path) -> Callable[..., dict[str, Tensor]]:
    def made(method: str, based: bool, **settings: object) -> dict[str, Tensor]:
        settings = {"weights": WEIGHTS, "density": DENSITY, "rng": RNG} | settings
        of = [folder / "one", folder / "other"]
        return merged(tmp_path / "out", of, work(method, 2, **settings), folder / "base" if based else None)[
            0
        ]

    return made


def agree(found: dict[str, Tensor], wanted: dict[str, Tensor]) -> None:
    assert found.keys() == wanted.keys()
    for name in wanted:
        torch.testing.assert_close(found[name], wanted[name], rtol=2e-6, atol=2e-7)


def test_linear(ours: Callable[..., dict[str, Tensor]], theirs: Theirs):
    agree(ours("linear", based=False), theirs("linear"))


def test_slerp_of_whole_weights(ours: Callable[..., dict[str, Tensor]], theirs: Theirs):
    """Its weights are at angles that are worth the name, or mergekit would take a line."""
    agree(ours("slerp", based=False, per="tensor", weights=(Fraction(5, 8), Fraction(3, 8))), theirs("slerp"))


def test_ties(ours: Callable[..., dict[str, Tensor]], theirs: Theirs):
    agree(ours("ties", based=True), theirs("ties"))


def test_dare_with_one_mask(folder: Path, ours: Callable[..., dict[str, Tensor]], theirs: Theirs):
    """mergekit without its rescaling is ours before the division by the share that is kept."""
    base, found, wanted = tensors(folder / "base"), ours("dare", based=True), theirs("dare")
    agree({name: base[name] + (found[name] - base[name]) * float(DENSITY) for name in base}, wanted)


def test_dare_is_rescaled_in_another_way(
    folder: Path, ours: Callable[..., dict[str, Tensor]], theirs: Theirs
):
    """To the L1 norm that there was: near 1 / density in a large tensor, and not the same."""
    base, found, wanted = tensors(folder / "base"), ours("dare", based=True), theirs("rescaled")
    name = "model.embed_tokens.weight"
    ratio = (wanted[name] - base[name]).norm() / (found[name] - base[name]).norm()
    assert ratio == pytest.approx(1.0, abs=0.15)
    assert abs(float(ratio) - 1) > 1e-4
