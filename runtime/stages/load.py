"""`load`: a model that exists already, out of a Hugging Face folder.

Headers are read and compared before weights are; a tokenizer comes with it unless the spec names another.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import isclose
from pathlib import Path
from typing import Any

from ...compiler.plan.model import Arch, LoadWork, Step
from ..errors import StageError
from ..parts.huggingface import tokenizer
from ..parts.huggingface.config import read
from ..parts.model import history
from ..parts.model.decoder import Decoder
from ..parts.model.files import save
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
        f"{name}: the spec says {one}, the folder {other}"
        for name, one, other in _differing(_settings(asked), _settings(found))
    )
    if notes:
        headline = f"the shape of the model in {folder} is not the one that the spec gives"
        help = ("leave `arch` out, or correct it: `lehr export arch` prints that of a folder",)
        raise StageError("RUN127", "shape-differs", headline, notes=notes, help=help)
    return asked


def _settings(arch: Arch) -> dict[str, Any]:
    """Every setting by its path, with the defaults that formulas fill in."""
    found = arch.model_dump()
    found["query_scale"] = arch.query_scale or arch.head_dim**-0.5
    found["window"] = tuple(arch.window[layer % len(arch.window)] for layer in range(arch.layers))
    if arch.experts:
        found["experts"] = arch.experts.model_copy(update={"balance": 0.0}).model_dump()
    scaling = arch.rope_scaling
    if scaling:
        low, high = (1.0, 32.0) if scaling.method == "yarn" else (1.0, 4.0)
        filled: dict[str, Any] = {"low": scaling.low or low, "high": scaling.high or high}
        if scaling.method == "linear":  # which knows neither bounds nor a former context
            filled = {"low": None, "high": None, "original": 0}
        found["rope_scaling"] = scaling.model_copy(update=filled).model_dump()
    for name in ("experts", "rope_scaling"):
        inner = found.pop(name) or {name: None}
        found |= {f"{name}.{key}" if key != name else name: value for key, value in inner.items()}
    return found


def _differing(one: dict[str, Any], other: dict[str, Any]) -> list[tuple[str, Any, Any]]:
    pairs = [(name, one.get(name), other.get(name)) for name in sorted(one.keys() | other.keys())]
    return [(name, a, b) for name, a, b in pairs if a != b and not _close(a, b)]


def _close(one: Any, other: Any) -> bool:
    return isinstance(one, float) and isinstance(other, float) and isclose(one, other, rel_tol=1e-6)
