"""Where a plan meets what has been done: the ledger and the store, read without torch."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from ..compiler.plan.compare import Decision, decide
from ..compiler.plan.model import Plan
from ..runtime.engine.ledger import read as read_ledger
from ..runtime.store.artifact import Store


def compare(plan: Plan, root: Path = Path()) -> list[Decision]:
    """What will become of each step when the plan runs below `root`."""
    run, store = root / plan.run, Store(root / plan.store)
    ledger = read_ledger(run)
    recorded = {name: entry.fingerprint for name, entry in ledger.entries.items()} if ledger else {}
    return decide(plan, earlier(run), recorded, lambda fingerprint: store.find(fingerprint) is not None)


def earlier(run: Path) -> Plan | None:
    """The plan that a run followed last."""
    try:
        return Plan.model_validate_json((run / "plan.json").read_bytes())
    except (OSError, ValidationError):
        return None
