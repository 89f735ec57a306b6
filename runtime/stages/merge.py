"""`merge`: one model out of several, tensor by tensor.

The formulas are in `parts/merging`.  A merge is cut off and begun anew, never resumed: it takes as long as
copying a few models does.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from math import prod
from pathlib import Path

from torch import Tensor

from ...compiler.plan.model import MergeWork, Step
from ..errors import Interrupted, StageError
from ..parts.chat import carried
from ..parts.data.vocabulary import fingerprint
from ..parts.merging.mixing import by_angle, linear, moving_average, task
from ..parts.merging.sources import Source, opened
from ..parts.merging.sparse import dare, ties
from ..parts.model import history
from ..parts.model.files import SHAPE, WEIGHTS
from ..parts.model.stream import write_stream
from ..store.faults import fault_point
from .room import Facts, Room

_SECONDS = 1.0
"""Between two reports."""

Merge = Callable[[str], Iterator[Tensor]]
"""A merged tensor, by its name, in flat pieces."""


def run(step: Step, inputs: Mapping[str, Path], room: Room) -> Facts:
    work = step.work
    assert isinstance(work, MergeWork)
    _read_alike(step, inputs)
    roles = [f"model:{place}" for place in range(sum(role.startswith("model:") for role in inputs))]
    every = roles + (["base"] if "base" in inputs else [])
    models = opened([(step.inputs[role], inputs[role]) for role in every])
    base = models.pop() if "base" in inputs else None
    merge, facts = _method(work, models, base)
    shapes = {name: held.shape for name, held in models[0].held.items()}
    write_stream(room.folder / WEIGHTS, shapes, _every(step, room, sorted(shapes), merge))
    (room.folder / SHAPE).write_text(models[0].arch.model_dump_json(indent=2) + "\n")
    eldest = max(roles, key=lambda role: _tokens(history.read(inputs[role])))
    past = history.read(inputs[eldest])
    carried.hand_on(inputs[eldest], room.folder)
    history.write(room.folder, [*past, {"kind": "merge", "method": work.method, "models": len(models)}])
    return {"params": sum(map(prod, shapes.values())), "models": len(models), **facts}


def _method(work: MergeWork, models: Sequence[Source], base: Source | None) -> tuple[Merge, Facts]:
    weights = [float(weight) for weight in work.weights]
    if work.method == "linear":
        return partial(linear, models, weights), {}
    if work.method == "ema":
        assert work.rate is not None
        return partial(linear, models, moving_average(len(models), work.rate)), {}
    if work.method == "slerp":
        shares, cosines = by_angle(models, base, weights, work.per)
        return lambda name: task(models, base, shares[name], name), _told(cosines)
    assert base
    if work.method == "ties":
        return partial(ties, models, base, weights, work.density), {}
    return partial(dare, models, base, weights, work.density, work.rng), {}


def _every(step: Step, room: Room, names: Sequence[str], merge: Merge) -> Iterator[Tensor]:
    """All tensors one after the other; between two of them it is told how far they are."""
    said = time.monotonic()
    for done, name in enumerate(names, start=1):
        if room.stopping:
            raise Interrupted(f"`{step.address}` was stopped; it starts anew next time.", step=step.address)
        fault_point("merge")
        yield from merge(name)
        if time.monotonic() - said >= _SECONDS or done == len(names):
            room.say("progress", step=done, of=len(names))
            said = time.monotonic()


def _told(cosines: Sequence[float]) -> Facts:
    """How alike the directions were, over all groups of tensors."""
    if not cosines:
        return {}
    mean = sum(cosines) / len(cosines)
    return {"cosine": {"least": min(cosines), "mean": mean, "most": max(cosines)}}


def _tokens(past: Sequence[history.Entry]) -> int:
    """What a model was trained on altogether: of merged models the longest past is handed on."""
    return sum(entry.get("tokens", 0) for entry in past)


def _read_alike(step: Step, inputs: Mapping[str, Path]) -> None:
    """A letter where two models read with different tokenizers; the plan gives them where it cannot tell."""
    prints = {role: fingerprint(path) for role, path in inputs.items() if role.startswith("tokenizer:")}
    for role, found in prints.items():
        if found != prints["tokenizer:0"]:
            place = role.removeprefix("tokenizer:")
            first, other = (
                step.inputs["model:0"],
                step.inputs["base" if place == "base" else f"model:{place}"],
            )
            raise StageError(
                "RUN181",
                "merge-unlike-tokenizers",
                f"`{other}` cannot be merged with `{first}`: they read with different tokenizers",
                notes=("one id means different tokens to them, whatever their numbers are",),
                help=("merge models that came from one `load`, or from one `tokenizer`",),
                step=step.address,
            )
