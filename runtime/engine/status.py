"""How a run is going, from its plan, its ledger and the end of its events: no torch, no lock.

Works beside a running process, on a copied folder and after a crash.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ...compiler.plan.model import Plan
from ..store.lock import is_held
from .events import Event, tail
from .ledger import Ledger, read


@dataclass(frozen=True, slots=True)
class StepStatus:
    """`state` is done, running, stopped, failed, dead or to come; `progress` the last report of a running step."""

    address: str
    kind: str
    state: str
    seconds: float
    facts: dict[str, Any]
    progress: dict[str, Any] | None


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
    steps = tuple(
        _step(plan, ledger, events, held, address) for address in (step.address for step in plan.steps)
    )
    return Status(str(folder), steps, _age(events), held)


def _step(plan: Plan, ledger: Ledger, events: list[Event], held: bool, address: str) -> StepStatus:
    step, entry = plan.step(address), ledger.entries.get(address)
    if entry is None or entry.fingerprint != step.fingerprint:
        return StepStatus(address, step.work.kind, "to come", 0.0, {}, None)
    state = "dead" if entry.state == "running" and not held else entry.state
    last = next((e for e in reversed(events) if e.step == address and e.event == "progress"), None)
    progress = last.facts if last and state != "done" else None
    return StepStatus(address, step.work.kind, state, entry.seconds, entry.facts, progress)


def _age(events: list[Event]) -> float | None:
    if not events:
        return None
    return (datetime.now(UTC) - datetime.fromisoformat(events[-1].time)).total_seconds()
