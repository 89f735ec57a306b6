"""A model as files of ours: `model.safetensors`, and `arch.json` in place of a config."""

from __future__ import annotations

from pathlib import Path

from safetensors.torch import save_file

from ....compiler.plan.model import Arch
from .decoder import Decoder
from .names import in_files
from .weights import fill

WEIGHTS, SHAPE = "model.safetensors", "arch.json"


def save(model: Decoder, folder: Path) -> None:
    save_file(in_files(model), folder / WEIGHTS, metadata={"format": "pt"})
    (folder / SHAPE).write_text(model.arch.model_dump_json(indent=2) + "\n")


def load(folder: Path) -> Decoder:
    """The model in a folder.  Names, shapes and dtypes are compared with its shape before a tensor is read."""
    model = Decoder.empty(Arch.model_validate_json((folder / SHAPE).read_bytes()))
    fill(model, folder, ("F32",))
    return model
