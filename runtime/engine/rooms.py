"""The room that a stage works in: a folder that becomes its artifact, its checkpoints, its voice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...compiler.plan.model import Step
from ..stages.means import Means
from ..store.atomic import make_folder
from ..store.background import BackgroundCheckpoints
from ..store.checkpoints import CheckpointFolder
from .events import Journal
from .gates import Watch
from .interrupts import Interrupts

_KEPT_WITHOUT_A_POLICY = 1


@dataclass(frozen=True)
class StepRoom:
    """What `lehr.runtime.stages.room.Room` asks for."""

    step: Step
    folder: Path
    root: Path
    checkpoints: BackgroundCheckpoints
    journal: Journal
    interrupts: Interrupts
    watch: Watch
    run: Path
    workers: int = 0
    means: Means = field(default_factory=Means)

    @property
    def scratch(self) -> Path:
        folder = scratch_of(self.run, self.step)
        make_folder(folder)
        return folder

    def say(self, event: str, **facts: Any) -> None:
        self.journal.say(self.step.address, event, facts)

    @property
    def stopping(self) -> bool:
        return self.interrupts.asked is not None

    def gate(self, done: int, model: Any, save: Callable[[], None]) -> None:
        self.watch.ask(done, model, save)


def checkpoints_of(run: Path, step: Step, journal: Journal) -> CheckpointFolder:
    """A step's states, under its fingerprint: another spec's states are never taken for this one's."""

    def corrupt(path: Path) -> None:
        journal.say(step.address, "checkpoint_corrupt", {"path": str(path)})

    keep = step.checkpoint.keep if step.checkpoint else _KEPT_WITHOUT_A_POLICY
    return CheckpointFolder(run / "checkpoints" / step.fingerprint[:16], keep, corrupt)


def scratch_of(run: Path, step: Step) -> Path:
    """What a step has done of its work, under its fingerprint as well."""
    return run / "scratch" / step.fingerprint[:16]
