"""`resume --pass`: someone lets a held stage through, and the ledger remembers who, when and why."""

from __future__ import annotations

import getpass
import socket
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from ...compiler.plan.model import Plan
from ..errors import Refusal
from ..store.lock import locked
from .gates import told
from .ledger import Ledger, Measured, Pass, read

Waiting = list[tuple[str, str, Measured]]
"""Stage, its fingerprint, and a gate that holds it."""


def let_through(plan: Plan, folder: Path, names: Sequence[str], why: str) -> None:
    """Write down that these gates are passed as they were measured last.

    Only what holds the run now can be passed: what is measured later holds it again.
    Raises Refusal where a name is none of those, or nothing is given as a reason.
    """
    if not why.strip():
        raise Refusal(
            "RUN153", "no-such-gate", "a gate is passed for a reason", help=('… --pass NAME -- "why"',)
        )
    with locked(folder):
        ledger = read(folder) or Ledger()
        waiting = held(plan, ledger)
        chosen = [(name, _named(waiting, name)) for name in names]
        for name, found in chosen:
            if not found:
                raise _no_such(name, waiting)
        passes = [_pass(*one, why.strip()) for _, found in chosen for one in found]
        ledger.let(folder, passes)


def held(plan: Plan, ledger: Ledger) -> Waiting:
    """The gates that hold a run."""
    found: Waiting = []
    for step in plan.steps:
        entry = ledger.entries.get(step.address)
        if entry is None or entry.state != "held" or entry.fingerprint != step.fingerprint:
            continue
        passed = {(one.gate, one.after) for one in ledger.passes if one.fingerprint == step.fingerprint}
        found += [
            (step.address, step.fingerprint, one)
            for one in entry.gates
            if not one.met and one.enforced and (one.gate, one.after) not in passed
        ]
    return found


def _named(waiting: Waiting, name: str) -> Waiting:
    """`needle`, or the gate as the spec has it."""
    return [one for one in waiting if name in (one[2].name, one[2].gate)]


def _pass(stage: str, fingerprint: str, one: Measured, why: str) -> Pass:
    return Pass(
        stage=stage,
        fingerprint=fingerprint,
        gate=one.gate,
        after=one.after,
        who=f"{getpass.getuser()}@{socket.gethostname()}",
        when=datetime.now(UTC).isoformat(timespec="seconds"),
        why=why,
    )


def _no_such(name: str, waiting: Waiting) -> Refusal:
    if not waiting:
        return Refusal("RUN153", "no-such-gate", f"no gate holds this run, and none is called `{name}`")
    notes = tuple(f"`{one.name}` of `{stage}`: {told(one)}" for stage, _, one in waiting)
    return Refusal("RUN153", "no-such-gate", f"no gate called `{name}` holds this run", notes=notes)
