"""`train`: next-token prediction on a mix, by the one training loop."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path

from ...compiler.plan.model import Step, TrainWork
from ..parts.data.feed import Feed
from ..parts.data.tokens import TokenSet
from ..parts.loss.next_token import next_token
from ..parts.model import history
from ..parts.model.files import load, save
from .loop import Loop
from .merged_back import difference
from .room import Facts, Room


def run(step: Step, inputs: Mapping[str, Path], room: Room) -> Facts:
    work = step.work
    assert isinstance(work, TrainWork)
    with Feed(work, TokenSet.of(inputs), room.workers, room.say) as feed:
        loss = partial(next_token, z_loss=work.z_loss)
        model = load(inputs["model"])
        loop = Loop(step, work, model, feed, room, loss, difference=difference(step, model, inputs))
        facts = loop.run()
    if work.packing == "best_fit":  # what is left of a sequence is empty
        facts["tokens"] = sum(facts["drawn"].values())
    save(loop.model, room.folder)
    history.hand_on(inputs["model"], room.folder, work.kind, work, facts)
    return facts
