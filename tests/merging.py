"""Models made for merging, and the stage run on them."""

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from lehr.compiler.plan.model import Arch, MergeWork, Origin, Step
from lehr.runtime.parts.merging import mixing, sources
from lehr.runtime.parts.model.decoder import Decoder
from lehr.runtime.parts.model.files import save
from lehr.runtime.parts.model.initial import initialise
from lehr.runtime.stages import merge

ARCH = Arch(
    layers=2, width=8, heads=2, kv_heads=1, head_dim=4, ffn=12, vocab=50, rope=100.0, tied=True, norm_eps=1e-5
)


def give(folder: Path, arch: Arch = ARCH, rng: int = 1, like: Path | None = None, step: float = 0.02) -> Path:
    """A model in a folder; `like` another one, it is a step away from it."""
    model = Decoder(arch)
    initialise(model, 0.1 if like is None else step, rng)
    if like is not None:
        base = load_file(like / "model.safetensors")
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                noise = torch.randn(parameter.shape, generator=torch.Generator().manual_seed(rng))
                parameter.copy_(base[name] + step * noise)
    folder.mkdir(parents=True)
    save(model, folder)
    return folder


def constant(folder: Path, value: float) -> Path:
    """A model whose weights are all one number."""
    give(folder)
    change(folder, lambda name, tensor: torch.full_like(tensor, value))
    return folder


def change(folder: Path, how: Callable[[str, Tensor], Tensor | None]) -> None:
    """Write other weights into a folder; what `how` gives None for is left out."""
    found = load_file(folder / "model.safetensors")
    kept = {name: new for name, tensor in found.items() if (new := how(name, tensor)) is not None}
    save_file(kept, folder / "model.safetensors", metadata={"format": "pt"})


def tensors(folder: Path) -> dict[str, Tensor]:
    """The weights in a folder, in fp64."""
    return {name: tensor.double() for name, tensor in load_file(folder / "model.safetensors").items()}


def work(method: str, models: int, **settings: Any) -> MergeWork:
    settings = {
        "weights": () if method == "ema" else (Fraction(1, models),) * models,
        "density": Fraction(1),
        "rate": None,
        "per": "layer",
        "rng": 7,
    } | settings
    return MergeWork(method=method, **settings)


def merged(
    to: Path, of: Sequence[Path], work: MergeWork, base: Path | None = None, **inputs: Path
) -> tuple[dict[str, Tensor], Mapping[str, Any]]:
    """What the stage makes of models: the weights in fp64, and the facts that it tells."""
    every = {f"model:{place}": one for place, one in enumerate(of)} | ({"base": base} if base else {})
    every |= {role.replace("_", ":"): folder for role, folder in inputs.items()}
    names = {role: folder.name for role, folder in every.items()}
    origin = Origin(path="spec.lehr", line=1, column=1)
    step = Step(address="blend", fingerprint="0" * 64, inputs=names, work=work, origin=origin)
    to.mkdir()
    room = SimpleNamespace(folder=to, stopping=False, say=lambda event, **facts: None)
    facts = merge.run(step, every, room)
    return tensors(to), facts


def cut(monkeypatch: Any, numbers: int) -> None:
    """Let tiles be small, so that tensors of a test have several."""
    for module in (sources, mixing):
        monkeypatch.setattr(module, "TILE", numbers)
