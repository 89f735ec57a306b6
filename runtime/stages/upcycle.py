"""`upcycle`: a dense model becomes a mixture of experts, tensor by tensor.

`parts/surgery/upcycling` has the rules.  The dense model is mapped, never whole in memory; a stage that is cut
off begins anew, as it takes no longer than a copy.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from math import prod
from pathlib import Path

from torch import Tensor

from ...compiler.plan.model import Arch, Experts, Step, UpcycleWork
from ..errors import Interrupted, StageError
from ..parts.chat import carried
from ..parts.model import history
from ..parts.model.files import SHAPE, WEIGHTS
from ..parts.model.headers import header
from ..parts.model.stream import write_stream
from ..parts.model.unlike import differing
from ..parts.model.weights import compare, mapped
from ..parts.surgery.upcycling import Cut, Upcycled, shapes
from ..store.faults import fault_point
from .room import Facts, Room


def run(step: Step, inputs: Mapping[str, Path], room: Room) -> Facts:
    work, folder = step.work, inputs["model"]
    assert isinstance(work, UpcycleWork)
    dense = Arch.model_validate_json((folder / SHAPE).read_bytes())
    cut = Cut(dense.ffn, _fits(step, dense, work.arch))
    compare(shapes(dense), header(folder / WEIGHTS), folder, ("F32",))
    with mapped(folder / WEIGHTS, f"`{step.inputs['model']}`") as read:
        made = Upcycled(read, cut, work.arch, bool(work.shuffle), work.redraw, work.rng)
        write_stream(room.folder / WEIGHTS, made.shapes, _unless_stopped(step, room, made))
    (room.folder / SHAPE).write_text(work.arch.model_dump_json(indent=2) + "\n")
    carried.hand_on(folder, room.folder)
    history.write(room.folder, [*history.read(folder), {"kind": "upcycle"}])
    return {
        "params": sum(map(prod, made.shapes.values())),
        "copies": cut.copies,
        "dropped": cut.dropped,
        "redrawn": made.redrawn(cut.experts.ffn),
    }


def _unless_stopped(step: Step, room: Room, tensors: Iterable[Tensor]) -> Iterator[Tensor]:
    for tensor in tensors:
        if room.stopping:
            raise Interrupted(f"`{step.address}` was stopped; it starts anew next time.", step=step.address)
        fault_point("upcycle")
        yield tensor.contiguous()


def _fits(step: Step, dense: Arch, target: Arch) -> Experts:
    """The experts to make, or a letter where the target is not the dense model with experts in it."""
    experts = target.experts
    notes = [
        f"{name}: the target has {one}, the model {other}"
        for name, one, other in differing(target, dense)
        if name.partition(".")[0] not in ("ffn", "vocab", "rope", "experts")
    ]
    if experts is None:
        notes.append("the target has no `experts`")
    elif experts.every > 1 and target.ffn != dense.ffn:
        notes.append(f"ffn: the target's dense layers have {target.ffn}, the model's {dense.ffn}")
    if dense.experts:
        notes.append("the model has experts already")
    if notes or experts is None:
        raise StageError(
            "RUN191",
            "not-its-experts",
            f"the model of `{step.address}` cannot become what it is to become",
            notes=tuple(notes),
            help=("write the target `like` the dense model's arch, with `experts { … }`",),
            step=step.address,
        )
    return experts
