"""`targets`: what a teacher says of every position that a student will read, computed once for all.

A shard holds the steps between two checkpoints.  Each is kept as a state too, so that a stage that was cut off
goes on behind the last one, and comes to the same files.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from itertools import accumulate
from pathlib import Path

import torch
from torch import Tensor

from ...compiler.plan.model import Step, TargetsWork
from ..errors import Interrupted
from ..parts.data.feed import Feed
from ..parts.data.tokens import TokenSet
from ..parts.distill.cache import SHARD, packed, write_about, write_shard
from ..parts.distill.teacher import Teacher
from ..parts.model.files import load
from .alike import same_tokenizer
from .room import Facts, Room

_SECONDS = 1.0
"""Between two reports."""


def run(step: Step, inputs: Mapping[str, Path], room: Room) -> Facts:
    work = step.work
    assert isinstance(work, TargetsWork)
    same_tokenizer(step, inputs)
    teacher = Teacher(load(inputs["teacher"]).to(room.means.device), work.target)
    device = teacher.unembedding.device
    write_about(room.folder, teacher)
    with Feed(work, TokenSet.of(inputs), room.workers, room.say) as feed:
        written = _Written(step, work, room)
        written.resume(feed)
        told = time.monotonic()
        while written.done < work.steps:
            if room.stopping:
                kept = room.checkpoints.kept(wait=True)
                headline = (
                    f"`{step.address}` stopped after step {written.done} of {work.steps}; {kept} are kept"
                )
                raise Interrupted(headline, step=step.address)
            with torch.autocast(device.type, torch.bfloat16, enabled=work.compute == "bf16"):
                said = teacher.says(feed.batch(written.done).to(device))
            written.add(packed(said, teacher.vocab), feed)
            if time.monotonic() - told > _SECONDS or written.done == work.steps:
                told = time.monotonic()
                room.say("progress", step=written.done, of=work.steps)
        facts: Facts = {"steps": written.done, "tokens": work.tokens, "drawn": feed.drawn()}
    room.checkpoints.kept(wait=True)
    return facts


class _Written:
    """Steps on their way into shards, each of which ends where a state is kept or a phase is over."""

    def __init__(self, step: Step, work: TargetsWork, room: Room) -> None:
        self.step, self.room = step, room
        self.done = self.first = 0
        self.columns: list[dict[str, Tensor]] = []
        self._ends = set(accumulate(phase.steps for phase in work.phases))

    def add(self, columns: dict[str, Tensor], feed: Feed) -> None:
        self.columns.append(columns)
        self.done += 1
        saves = self.step.checkpoint
        size = len(self.columns) * sum(column.nbytes for column in columns.values())
        due = saves is not None and self.done % saves.every == 0
        if not (due or self.done in self._ends or size >= SHARD):
            return
        names = self.columns[0]
        whole = {name: torch.cat([one[name] for one in self.columns]) for name in names}
        write_shard(self.room.folder, self.first, whole)
        if saves:
            self.room.checkpoints.save(self.done, whole, {"first": self.first, "feed": feed.state()})
        self.first, self.columns = self.done, []

    def resume(self, feed: Feed) -> None:
        """Go on behind the parts that are kept, as far as none is missing between them."""
        for done, columns, meta in self.room.checkpoints.every():
            if meta["first"] != self.done:
                break
            write_shard(self.room.folder, self.first, columns)
            self.first = self.done = done
            feed.load(meta["feed"])
        if self.done:
            self.room.say("resumed", step=self.done)
