"""`load`: a model that exists already, out of a Hugging Face folder.

Headers are read and compared before weights are; a tokenizer comes with it unless the spec names another.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ...compiler.plan.model import Arch, LoadWork, Step
from ..errors import StageError
from ..parts.huggingface import tokenizer
from ..parts.huggingface.config import read
from ..parts.model import history
from ..parts.model.decoder import Decoder
from ..parts.model.files import save
from ..parts.model.unlike import differing
from ..parts.model.weights import fill
from .outside import unlike
from .room import Facts, Room


def run(step: Step, inputs: Mapping[str, Path], room: Room) -> Facts:
    work = step.work
    assert isinstance(work, LoadWork)
    moved = unlike(step, room.root)
    if moved:
        raise StageError(*moved.headed, notes=moved.notes, help=moved.help, step=step.address)
    folder = room.root / work.folder.path
    found, context = read(folder)
    if work.arch:
        found = _agreed(work.arch, found, folder)
    if "tokenizer" not in inputs:
        tokenizer.opened(folder, found.vocab)
        tokenizer.copy(folder, room.folder)
    model = Decoder.empty(found)
    fill(model, folder)
    save(model, room.folder)
    history.write(room.folder, [{"kind": "load", "context": context}])
    return {"params": model.params, "context": context}


def _agreed(asked: Arch, found: Arch, folder: Path) -> Arch:
    """The spec's shape, where it is the folder's; how much a balance loss weighs is the spec's to say."""
    notes = tuple(
        f"{name}: the spec says {one}, the folder {other}" for name, one, other in differing(asked, found)
    )
    if notes:
        headline = f"the shape of the model in {folder} is not the one that the spec gives"
        help = ("leave `arch` out, or correct it: `lehr export arch` prints that of a folder",)
        raise StageError("RUN127", "shape-differs", headline, notes=notes, help=help)
    return asked
