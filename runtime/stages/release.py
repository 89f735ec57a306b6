"""`release`: a model with its tokenizer, as files that others open."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from ...compiler.plan.model import ReleaseWork, Step
from ..parts.model.files import load
from .room import Facts, Room

_FILES = {"model": ("model.safetensors", "arch.json"), "tokenizer": ("tokenizer.json",)}


def run(step: Step, inputs: Mapping[str, Path], room: Room) -> Facts:
    """Copy the weights, the shape and the tokenizer; the model is read once, so that what leaves opens."""
    assert isinstance(step.work, ReleaseWork)
    model = load(inputs["model"])
    for role, names in _FILES.items():
        for name in names:
            shutil.copyfile(inputs[role] / name, room.folder / name)
    written = [name for names in _FILES.values() for name in names]
    return {
        "params": model.params,
        "files": written,
        "format": step.work.format,
    }
