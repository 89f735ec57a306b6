"""Walk a plan: keep what is done, run the rest, commit each step as a whole.

Start reading at `run`.  A step's artifact is looked for by its address in the
store, so work that another run did, or that a crash kept out of the ledger, is
adopted and never repeated.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ...compiler.plan.model import Plan, Step
from ..errors import Interrupted, LehrError, Refusal, StageError
from ..stages.registry import KINDS, runner
from ..store.artifact import Store
from ..store.atomic import write_bytes
from ..store.lock import locked
from . import releases
from .events import Event, Journal
from .interrupts import Interrupts
from .ledger import Entry, Ledger, read
from .rooms import StepRoom, checkpoints_of

NEEDED = ("torch", "safetensors", "tokenizers", "pyarrow")


def missing_extras() -> list[str]:
    """What of `lehr[train]` is not installed here; nothing is imported."""
    return [name for name in NEEDED if find_spec(name) is None]


def run(
    plan: Plan, say: Callable[[Event], None] | None = None, root: Path = Path(), threads: int = 1
) -> Ledger:
    """Run a plan below `root` and return its ledger.

    Raises Refusal before anything has started, StageError where a stage fails, and
    Interrupted where someone asked to stop; what was finished stays finished.
    """
    unknown = sorted({step.work.kind for step in plan.steps} - set(KINDS))
    if unknown:
        raise Refusal("RUN103", "no-runner", f"this version of Lehr cannot run: {', '.join(unknown)}")
    folder = root / plan.run
    try:
        with locked(folder), ExitStack() as stack:
            walk = _Walk(
                plan, folder, Store(root / plan.store), Journal(folder, say), read(folder) or Ledger()
            )
            stack.callback(walk.journal.close)
            stack.enter_context(walk.interrupts)
            walk.begin(threads)
            for step in plan.steps:
                walk.take(step)
            return walk.ledger
    except OSError as error:
        raise _disk(error, folder) from error


@dataclass
class _Walk:
    plan: Plan
    folder: Path
    store: Store
    journal: Journal
    ledger: Ledger
    interrupts: Interrupts = field(default_factory=Interrupts)
    sound: set[str] = field(default_factory=set[str])

    def begin(self, threads: int) -> None:
        import torch

        torch.set_num_threads(threads)
        torch.use_deterministic_algorithms(True)
        write_bytes(self.folder / "plan.json", (self.plan.model_dump_json(indent=2) + "\n").encode())
        self.store.sweep()

    def take(self, step: Step) -> None:
        """Keep a step or run it."""
        if self._is_done(step):
            entry = self.ledger.entries.get(step.address)
            if entry is None or entry.state != "done" or entry.fingerprint != step.fingerprint:
                facts = self.store.facts(step.fingerprint)
                self._record(step, Entry(fingerprint=step.fingerprint, state="done", facts=facts))
            self.journal.say(step.address, "kept", {})
        else:
            self._run(step)
        if step.work.kind == "release":
            releases.publish(self.store.path(step.fingerprint), self.folder / "release" / step.address)

    def _is_done(self, step: Step) -> bool:
        """Whether the artifact is there and every byte of it is what it was."""
        if self.store.find(step.fingerprint) is None:
            return False
        if step.fingerprint in self.sound:
            return True
        altered = self.store.altered(step.fingerprint)
        if altered:
            path = self.store.set_aside(step.fingerprint) / altered[0]
            self.journal.say(step.address, "artifact_altered", {"path": str(path)})
            return False
        self.sound.add(step.fingerprint)
        return True

    def _run(self, step: Step) -> None:
        if self.interrupts.asked:
            raise Interrupted(f"stopped before `{step.address}`", step=step.address)
        self._record(step, Entry(fingerprint=step.fingerprint, state="running"))
        self.journal.say(step.address, "started", {})
        began, room = time.monotonic(), self._room(step)
        try:
            facts = runner(step.work.kind)(step, self._inputs(step), room)
            seconds = round(time.monotonic() - began, 3)
            self.store.commit(room.folder, step.fingerprint, _about(step, facts))
        except BaseException as error:
            shutil.rmtree(room.folder, ignore_errors=True)
            raise self._failed(step, error) from error
        self.sound.add(step.fingerprint)
        self._record(step, Entry(fingerprint=step.fingerprint, state="done", seconds=seconds, facts=facts))
        self.journal.say(step.address, "done", {"seconds": seconds, "facts": facts})
        room.checkpoints.clear()

    def _room(self, step: Step) -> StepRoom:
        checkpoints = checkpoints_of(self.folder, step, self.journal)
        return StepRoom(step, self.store.room(), checkpoints, self.journal, self.interrupts)

    def _inputs(self, step: Step) -> dict[str, Path]:
        prints = {name: self.plan.step(name).fingerprint for name in step.inputs.values()}
        return {role: self.store.path(prints[name]) for role, name in step.inputs.items()}

    def _failed(self, step: Step, error: BaseException) -> BaseException:
        """Write down how a step ended, and say it as a letter."""
        stopped = isinstance(error, Interrupted | KeyboardInterrupt)
        state = "stopped" if stopped else "failed"
        try:
            self._record(step, Entry(fingerprint=step.fingerprint, state=state))
            self.journal.say(step.address, state, {"because": str(error)})
        except OSError:
            pass  # the disk is why we are here; the letter below says so
        if isinstance(error, Interrupted):
            return error.by(self.interrupts.asked)
        if isinstance(error, LehrError | KeyboardInterrupt):
            return error
        disk = _os_error(error)
        if disk:
            return _disk(disk, self.folder, step.address)
        kind = type(error).__name__
        headline = f"`{step.address}` failed: {kind}: {error}"
        return StageError("RUN101", "stage-failed", headline, step=step.address)

    def _record(self, step: Step, entry: Entry) -> None:
        self.ledger.record(self.folder, step.address, entry)


def _about(step: Step, facts: dict[str, Any]) -> dict[str, Any]:
    versions = {"python": platform.python_version()}
    for name in ("lehr", *NEEDED):
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return {"kind": step.work.kind, "edition": step.work.edition, "versions": versions, "facts": facts}


def _os_error(error: BaseException) -> OSError | None:
    """The system's error; safetensors wraps it in an error of its own, with its number in the text."""
    if isinstance(error, OSError):
        return error
    wrapped = re.search(r"os error (\d+)", str(error)) if type(error).__name__ == "SafetensorError" else None
    return OSError(int(wrapped[1]), os.strerror(int(wrapped[1]))) if wrapped else None


def _disk(error: OSError, folder: Path, step: str | None = None) -> StageError:
    """A write or read that failed: where, and how much room there is."""
    place = error.filename or folder
    notes: tuple[str, ...] = ()
    try:
        free = shutil.disk_usage(folder if folder.exists() else Path()).free
        notes = (f"{free / 2**20:,.0f} MiB free under {os.fspath(folder)}",)
    except OSError:
        pass
    headline = f"{place}: {(error.strerror or str(error)).lower()}"
    help = ("make room or rights, then `lehr resume`; what was finished is kept",)
    return StageError("RUN111", "disk", headline, notes=notes, help=help, step=step)
