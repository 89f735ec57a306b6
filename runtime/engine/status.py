"""How a run is going, from its plan, its ledger and the end of its events: no torch, no lock.

Works beside a running process, on a copied folder and after a crash.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ...compiler.plan.model import Plan, Step
from ..store.lock import is_held
from .events import Event, tail
from .ledger import Entry, Ledger, Measured, read


@dataclass(frozen=True, slots=True)
class StepStatus:
    """`state` is done, running, stopped, failed, held, dead or to come; `because` says why it failed or is held.

    `progress` is the last report of a step that is not done, `seconds` how long its attempt went on.
    `gates` are those that were measured.
    """

    address: str
    kind: str
    state: str
    seconds: float
    facts: dict[str, Any]
    progress: dict[str, Any] | None
    because: str = ""
    gates: tuple[Measured, ...] = ()


@dataclass(frozen=True, slots=True)
class Status:
    """A run; `age` is the seconds since its last event, None where it has none."""

    run: str
    steps: tuple[StepStatus, ...]
    age: float | None
    is_held: bool

    def count(self, state: str) -> int:
        return sum(step.state == state for step in self.steps)


def status(folder: Path) -> Status:
    """The status of the run in a folder.  Raises OSError where it has no plan."""
    plan = Plan.model_validate_json((folder / "plan.json").read_bytes())
    ledger, events, held = read(folder) or Ledger(), tail(folder), is_held(folder)
    steps = tuple(_step(step, ledger.entries.get(step.address), events, held) for step in plan.steps)
    return Status(str(folder), steps, _age(events), held)


def _step(step: Step, entry: Entry | None, events: list[Event], held: bool) -> StepStatus:
    address, kind = step.address, step.work.kind
    if entry is None or entry.fingerprint != step.fingerprint:
        return StepStatus(address, kind, "to come", 0.0, {}, None)
    gates = tuple(entry.gates)
    if entry.state == "done":
        return StepStatus(address, kind, "done", entry.seconds, entry.facts, None, gates=gates)
    state = "dead" if entry.state == "running" and not held else entry.state
    attempt = _attempt(address, events)
    progress = next((event.facts for event in reversed(attempt) if event.event == "progress"), None)
    seconds = attempt[-1].monotonic - attempt[0].monotonic if attempt else 0.0
    seconds = round(max(0.0, seconds), 3)
    return StepStatus(address, kind, state, seconds, entry.facts, progress, entry.because, gates)


def _attempt(address: str, events: list[Event]) -> list[Event]:
    """The events of a step's last attempt, as far back as they were read."""
    own = [event for event in events if event.step == address]
    starts = [place for place, event in enumerate(own) if event.event == "started"]
    return own[starts[-1] :] if starts else own


def _age(events: list[Event]) -> float | None:
    if not events:
        return None
    last = datetime.fromisoformat(events[-1].time)
    return (datetime.now(UTC) - (last if last.tzinfo else last.replace(tzinfo=UTC))).total_seconds()
