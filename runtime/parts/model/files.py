"""A model as files: `model.safetensors` and `arch.json`."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from ....compiler.plan.model import Arch
from ...errors import StageError
from .decoder import Decoder

WEIGHTS, SHAPE = "model.safetensors", "arch.json"


def save(model: Decoder, folder: Path) -> None:
    tensors = {name: parameter.detach().contiguous() for name, parameter in model.named_parameters()}
    save_file(tensors, folder / WEIGHTS, metadata={"format": "pt"})
    (folder / SHAPE).write_text(model.arch.model_dump_json(indent=2) + "\n")


def load(folder: Path) -> Decoder:
    """The model in a folder.  Names, shapes and dtypes are compared with its shape before a tensor is read."""
    arch = Arch.model_validate_json((folder / SHAPE).read_bytes())
    with torch.device("meta"):
        model = Decoder(arch)
    _compare(model, folder)
    model.load_state_dict(load_file(folder / WEIGHTS), assign=True)
    for parameter in model.parameters():
        parameter.requires_grad_(True)
    return model


def _compare(model: Decoder, folder: Path) -> None:
    wanted = {name: (list(parameter.shape), "F32") for name, parameter in model.named_parameters()}
    with safe_open(folder / WEIGHTS, "pt") as file:
        slices = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
        found = {name: (one.get_shape(), one.get_dtype()) for name, one in slices.items()}
    differing = sorted(name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name))
    if differing:
        notes = tuple(f"{name}: wanted {wanted.get(name)}, found {found.get(name)}" for name in differing[:8])
        more = (f"and {len(differing) - 8} more",) if len(differing) > 8 else ()
        headline = f"{folder / WEIGHTS} does not hold the tensors that {SHAPE} calls for"
        raise StageError("RUN109", "tensors-differ", headline, notes=notes + more)
