"""`init`: a model that has learned nothing yet."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ...compiler.plan.model import InitWork, Step
from ..parts.model.decoder import Decoder
from ..parts.model.files import save
from ..parts.model.initial import initialise
from .room import Facts, Room


def run(step: Step, inputs: Mapping[str, Path], room: Room) -> Facts:
    """Draw the weights; each tensor's own seed makes them independent of the order of drawing."""
    work = step.work
    assert isinstance(work, InitWork)
    model = Decoder.empty(work.arch)
    initialise(model, work.std, work.rng)
    save(model, room.folder)
    return {"params": model.params}
