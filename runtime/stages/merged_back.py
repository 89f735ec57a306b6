"""What a reference model learned since its base: the difference that the online merging optimizer merges.

It is made once, before a stage's first step; `parts/optim/merge_back` does the rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from ...compiler.plan.model import Arch, Step
from ..errors import StageError
from ..parts.model.decoder import Decoder
from ..parts.model.files import SHAPE, WEIGHTS, load
from ..parts.model.headers import header
from ..parts.model.names import in_files
from ..parts.model.unlike import differing
from ..parts.model.weights import HEADS, compare, mapped

ROLES = ("merge_back", "merge_base")


@torch.no_grad()
def difference(step: Step, model: Decoder, inputs: Mapping[str, Path]) -> dict[str, Tensor] | None:
    """By parameter, the model in the role `merge_back` less that in `merge_base`; None where none is merged.

    The base is mapped, and subtracted tensor by tensor: one more model is in memory, not two.
    """
    if ROLES[0] not in inputs:
        return None
    for role in ROLES:
        _fits(step, model.arch, role, inputs[role])
    learned, base = load(inputs[ROLES[0]]), inputs[ROLES[1]]
    places, name = in_files(learned), f"`{step.inputs[ROLES[1]]}`"
    shapes = {one: tuple(place.shape) for one, place in places.items()}
    held = {one: there for one, there in header(base / WEIGHTS).items() if not one.startswith(HEADS)}
    compare(shapes, held, base, ("F32",))
    with mapped(base / WEIGHTS, name) as read:
        for one, place in places.items():
            place.sub_(read(one))
    return {one: parameter.detach() for one, parameter in learned.named_parameters()}


def _fits(step: Step, arch: Arch, role: str, folder: Path) -> None:
    theirs = Arch.model_validate_json((folder / SHAPE).read_bytes())
    notes = tuple(
        f"{name}: {one} in the model of `{step.address}`, {other} in `{step.inputs[role]}`"
        for name, one, other in differing(arch, theirs)
        if name != "rope"  # no weight
    )
    if notes:
        raise StageError(
            "RUN192",
            "merge-back-unlike",
            f"`{step.inputs[role]}` cannot be merged into the steps of `{step.address}`: its shape is another",
            notes=notes,
            help=("merge a model of the same `arch` back, over one that is of it too",),
            step=step.address,
        )
