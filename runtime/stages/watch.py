"""Progress of a training stage, told about once a second."""

from __future__ import annotations

import time
from collections.abc import Mapping

from ...compiler.plan.model import Phase, TrainedWork, rate
from .room import Room

_SECONDS = 1.0


class Watch:
    """Counts steps; mean losses and the speed since the last report are told, and at the end."""

    def __init__(self, room: Room, work: TrainedWork, done: int) -> None:
        self.room, self.work, self.done = room, work, done
        self._begin()

    def _begin(self) -> None:
        self.losses, self.tokens, self.since = dict[str, list[float]](), 0, time.monotonic()

    def saw(self, loss: float, phase: Phase, beside: Mapping[str, float]) -> None:
        self.done += 1
        for name, value in {"loss": loss, **beside}.items():
            self.losses.setdefault(name, []).append(value)
        self.tokens += phase.sequences * phase.context
        passed = time.monotonic() - self.since
        if passed < _SECONDS and self.done < self.work.steps:
            return
        self.room.say(
            "progress",
            step=self.done,
            of=self.work.steps,
            **{name: sum(values) / len(values) for name, values in self.losses.items()},
            lr=rate(self.work.lr, self.done - 1),
            context=phase.context,
            tokens_per_second=self.tokens / max(passed, 1e-9),
        )
        self._begin()
