"""Walk a plan: keep what is done, run the rest, commit each step as a whole.

Start reading at `run`.  A step's artifact is looked for by its address in the
store, so work that another run did, or that a crash kept out of the ledger, is
adopted and never repeated.  What goes wrong becomes a letter in `failures`.
"""

from __future__ import annotations

import platform
import shutil
import time
from collections.abc import Callable, Mapping, Set
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ...compiler.plan.model import Plan, Step
from ..errors import Interrupted
from ..stages.means import Means
from ..stages.registry import runner
from ..store import atomic
from ..store.artifact import Store
from ..store.background import BackgroundCheckpoints
from ..store.faults import fault_point
from ..store.lock import locked
from . import releases
from .budget import shortfall
from .device import chosen
from .events import Event, Journal
from .failures import check, current, disk, ended, letter, not_reproduced, readable
from .gates import Keeper, Watch
from .interrupts import Interrupts
from .ledger import Entry, Ledger, read
from .rooms import StepRoom, checkpoints_of, scratch_of

NEEDED = ("torch", "safetensors", "tokenizers", "pyarrow")


ALTERED = "artifact altered"


def missing_extras() -> list[str]:
    """What of `lehr[train]` is not installed here; nothing is imported."""
    return [name for name in NEEDED if find_spec(name) is None]


def run(
    plan: Plan,
    say: Callable[[Event], None] | None = None,
    root: Path = Path(),
    threads: int = 1,
    force: Set[str] = frozenset(),
    workers: int = 0,
    store_at: Path | None = None,
    means: Means = Means(),  # noqa: B008 (frozen)
) -> Ledger:
    """Run a plan below `root` and return its ledger.

    Steps in `force` run although they are done, and must come to the same files again.
    Artifacts lie in the plan's store below `root`, or at `store_at`.
    Raises Refusal before anything has started, StageError where a stage fails, and
    Interrupted where someone asked to stop; what was finished stays finished.
    """
    check(plan, force, missing_extras())
    means = replace(means, device=chosen(means.device))
    folder = root / plan.run
    try:
        with locked(folder), ExitStack() as stack:
            ledger = read(folder) or Ledger()
            journal = Journal(folder, say)
            stack.callback(journal.close)
            store = Store(root / plan.store if store_at is None else store_at)
            current(plan, lambda fingerprint: store.find(fingerprint) is not None)
            readable(plan, lambda fingerprint: store.find(fingerprint) is not None, root)
            walk = _Walk(plan, root, folder, store, journal, ledger, threads, workers, means, force)
            stack.enter_context(walk.interrupts)
            walk.begin()
            for step in plan.steps:
                walk.take(step)
            return ledger
    except OSError as error:
        raise disk(error, folder) from error


@dataclass
class _Walk:
    plan: Plan
    root: Path
    folder: Path
    store: Store
    journal: Journal
    ledger: Ledger
    threads: int
    workers: int
    means: Means
    force: Set[str]
    interrupts: Interrupts = field(default_factory=Interrupts)
    sound: set[str] = field(default_factory=set[str])
    waits: set[str] = field(default_factory=set[str])
    done: dict[str, Mapping[str, Any]] = field(default_factory=dict[str, Mapping[str, Any]])
    """Facts of the steps that this walk has kept or run."""
    ready: bool = False

    def __post_init__(self) -> None:
        self.gates = Keeper(self.plan, self.ledger, self._record, self.journal.say)

    def begin(self) -> None:
        document = self.plan.model_dump_json(indent=2) + "\n"
        for place in (self.folder, self.folder / "release"):
            atomic.sweep(place)
        self.store.sweep()
        with self.store.registry():
            self.store.register(self.folder)
            atomic.write_bytes(self.folder / "plan.json", document.encode())

    def take(self, step: Step) -> None:
        """Keep a step or run it.  Of two runs that need one artifact, the second waits and keeps it."""
        if self._because(step) is None:
            self._keep(step)
        else:
            with self.store.alone(step.fingerprint, lambda holder: self._wait(step, holder)):
                because = self._because(step)
                if because:
                    self._run(step, because)
                else:
                    self._keep(step)
        checkpoints_of(self.folder, step, self.journal).clear()
        shutil.rmtree(scratch_of(self.folder, step), ignore_errors=True)
        self.done[step.address] = self.ledger.entries[step.address].facts
        if step.work.kind == "tokenize":
            self._enough(step)
        self.gates.at_end(self.done, step.address)
        if step.work.kind == "release":
            releases.publish(self.store.path(step.fingerprint), self.folder / "release" / step.address)

    def _enough(self, step: Step) -> None:
        """Before anything is trained on a corpus, see that it holds what the plan took it to hold."""
        found = shortfall(self.plan, step, self.done.__getitem__)
        if found:
            raise found

    def _wait(self, step: Step, holder: str) -> None:
        """Another run makes this artifact."""
        if self.interrupts.asked:
            raise Interrupted(f"stopped before `{step.address}`", step=step.address).by(self.interrupts.asked)
        if step.address not in self.waits:
            self.waits.add(step.address)
            self.journal.say(step.address, "waiting", {"for": holder})

    def _because(self, step: Step) -> str | None:
        """Why a step must run; None where its artifact is there and every byte of it is what it was."""
        entry = self.ledger.entries.get(step.address)
        if self.store.find(step.fingerprint) is None:
            if entry is None or entry.fingerprint != step.fingerprint:
                return "not yet run"
            return "artifact missing" if entry.state == "done" else f"{entry.state} before"
        if step.fingerprint not in self.sound:
            if self.store.altered(step.fingerprint):
                return ALTERED
            self.sound.add(step.fingerprint)
        return "forced" if step.address in self.force else None

    def _keep(self, step: Step) -> None:
        entry = self.ledger.entries.get(step.address)
        if entry and entry.state in ("done", "held") and entry.fingerprint == step.fingerprint:
            self.journal.say(step.address, "kept", {"because": "done"})
            return
        facts = self.store.facts(step.fingerprint)
        self._record(step, Entry(fingerprint=step.fingerprint, state="done", facts=facts))
        self.journal.say(step.address, "kept", {"because": "already in the store"})

    def _run(self, step: Step, because: str) -> None:
        if self.interrupts.asked:
            stopped = Interrupted(f"stopped before `{step.address}`", step=step.address)
            raise stopped.by(self.interrupts.asked)
        if because == ALTERED:
            altered = self.store.altered(step.fingerprint)
            path = self.store.set_aside(step.fingerprint) / altered[0]
            self.journal.say(step.address, "artifact_altered", {"path": str(path)})
        before = self.ledger.entries.get(step.address)
        gates = before.gates if before and before.fingerprint == step.fingerprint else []
        self._record(step, Entry(fingerprint=step.fingerprint, state="running", gates=gates))
        fault_point("stage")
        self.journal.say(step.address, "started", {"because": because})
        began = time.monotonic()
        try:
            facts = self._make(step)
        except BaseException as error:
            said = self._failed(step, error)
            if said is error:
                raise
            raise said from error
        seconds = round(time.monotonic() - began, 3)
        self.sound.add(step.fingerprint)
        self._enter(step, state="done", seconds=seconds, facts=facts)
        self.journal.say(step.address, "done", {"seconds": seconds, "facts": facts})

    def _make(self, step: Step) -> dict[str, Any]:
        """Run the stage and make its files the step's artifact."""
        self._ready()
        checkpoints = BackgroundCheckpoints(checkpoints_of(self.folder, step, self.journal))
        with self.store.room() as folder:
            watch = self._watch(step)
            room = StepRoom(
                step,
                folder,
                self.root,
                checkpoints,
                self.journal,
                self.interrupts,
                watch,
                self.folder,
                self.workers,
                self.means,
            )
            facts = runner(step.work.kind)(step, self._inputs(step), room)
            differing = self.store.differing(folder, step.fingerprint) if step.address in self.force else []
            if differing:
                raise not_reproduced(step, differing, self.store.path(step.fingerprint))
            about = _about(step, facts, self.plan)
            self.store.commit(folder, step.fingerprint, about)
        return facts

    def _ready(self) -> None:
        """Set torch up before the first stage; a run with nothing to do never loads it."""
        if self.ready:
            return
        import torch

        torch.set_num_threads(self.threads)
        torch.use_deterministic_algorithms(True)
        self.ready = True

    def _inputs(self, step: Step) -> dict[str, Path]:
        """The artifacts that a step reads.  They are earlier steps, so each has passed its checksum here."""
        return {role: self._artifact(name) for role, name in step.inputs.items()}

    def _artifact(self, name: str) -> Path:
        return self.store.path(self.plan.step(name).fingerprint)

    def _watch(self, step: Step) -> Watch:
        """The gates on a stage's way; what they read was made by earlier steps."""
        return Watch(self.gates, step, self._artifact, self.done.__getitem__, self.root)

    def _failed(self, step: Step, error: BaseException) -> BaseException:
        """Write down how a step ended, and say it as a letter."""
        state, facts = ended(error)
        try:
            if self.ledger.entries[step.address].state != "held":  # a gate enters and tells what it measured
                self._enter(step, state=state, because=facts["because"])
                self.journal.say(step.address, state, facts)
        except OSError:
            pass  # the disk is why we are here; the letter says so
        return letter(error, step, self.folder, self.interrupts.asked)

    def _enter(self, step: Step, **told: Any) -> None:
        """Change a step's entry; the gates that it met on its way stay."""
        self._record(step, self.ledger.entries[step.address].model_copy(update=told))

    def _record(self, step: Step, entry: Entry) -> None:
        self.ledger.record(self.folder, step.address, entry)


def _about(step: Step, facts: dict[str, Any], plan: Plan) -> dict[str, Any]:
    versions = {"python": platform.python_version()}
    for name in ("lehr", *NEEDED):
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return {
        "kind": step.work.kind,
        "edition": step.work.edition,
        "versions": versions,
        "inputs": {role: plan.step(name).fingerprint for role, name in step.inputs.items()},
        "facts": facts,
    }
