"""`prune`: learn which hidden units of the feed-forwards to keep, and cut out the rest.

Scores and weights train together in the one loop; the mask narrows, hardens, and stays hard for the last
fifth of the stage, so that what is written is the model that was trained last.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path

from ...compiler.plan.model import Arch, PruneWork, Step
from ..errors import StageError
from ..parts.data.feed import Feed
from ..parts.data.tokens import TokenSet
from ..parts.loss.next_token import next_token
from ..parts.model import history
from ..parts.model.files import load, save
from ..parts.model.unlike import differing
from ..parts.surgery.mask import Course, MaskedFeedForward, cut, masked
from .loop import Loop
from .merged_back import difference
from .room import Facts, Room


def run(step: Step, inputs: Mapping[str, Path], room: Room) -> Facts:
    work = step.work
    assert isinstance(work, PruneWork)
    model = load(inputs["model"])
    _fits(step, model.arch, work.arch)
    learned = difference(step, model, inputs)
    masks, course = masked(model), Course(model.arch.ffn, work.arch.ffn, work.steps)
    with Feed(work, TokenSet.of(inputs), room.workers, room.say) as feed:
        turn = partial(_turn, masks, course)
        facts = Loop(step, work, model, feed, room, next_token, before=turn, difference=learned).run()
    save(cut(model, model.arch.model_copy(update={"ffn": course.after})), room.folder)
    history.hand_on(inputs["model"], room.folder, work.kind, work, facts)
    return facts | {"ffn": [course.before, course.after]}


def _turn(masks: list[MaskedFeedForward], course: Course, done: int) -> None:
    for mask in masks:
        mask.turn(*course.at(done))


def _fits(step: Step, before: Arch, after: Arch) -> None:
    """A letter where the target is not the model with narrower dense feed-forwards."""
    notes = [
        f"{name}: the target has {one}, the model {other}"
        for name, one, other in differing(after, before)
        if name not in ("ffn", "rope")  # a model's own base is that of its last phase
    ]
    if before.experts and before.experts.every == 1:
        notes.append("every layer has experts, which are not pruned")
    if after.ffn >= before.ffn:
        notes.append(f"ffn: the target has {after.ffn}, the model {before.ffn}")
    if notes:
        raise StageError(
            "RUN190",
            "not-a-part",
            f"what `{step.address}` is to leave cannot be cut out of its model",
            notes=tuple(notes),
            help=("write the target `like` the model's arch, with a smaller `ffn`",),
            step=step.address,
        )
