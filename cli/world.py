"""Where a plan meets what has been done: the ledger and the store, read without torch."""

from __future__ import annotations

from collections.abc import Sequence, Set
from pathlib import Path
from typing import Any

from click import UsageError
from pydantic import ValidationError

from ..compiler.plan import files
from ..compiler.plan.compare import Decision, Past, decide, stale
from ..compiler.plan.model import Plan, World
from ..compiler.plan.settle import settle
from ..runtime.engine.ledger import read as read_ledger
from ..runtime.errors import Refusal
from .stores import store_of


def settled(plan: Plan, force: Set[str] = frozenset(), root: Path = Path()) -> Plan:
    """The plan with work of older editions kept where it is there."""
    store = store_of(plan, root)
    return settle(plan, lambda fingerprint: store.find(fingerprint) is not None, force)


def compare(
    plan: Plan,
    root: Path = Path(),
    current: Plan | None = None,
    force: Set[str] = frozenset(),
    run: Path | None = None,
) -> list[Decision]:
    """What will become of each step when the plan runs below `root`; `run` is the folder of another run."""
    run, store = run or root / plan.run, store_of(plan, root)
    ledger = read_ledger(run)
    recorded = {name: entry.fingerprint for name, entry in ledger.entries.items()} if ledger else {}
    past = Past(earlier(run), recorded, lambda one: store.find(one) is not None, store.resized)
    return decide(plan, past, current, force)


def earlier(run: Path) -> Plan | None:
    """The plan that a run followed last."""
    try:
        return Plan.model_validate_json((run / "plan.json").read_bytes())
    except (OSError, ValidationError):
        return None


STATES = {"run": "new", "again": "changed", "keep": "done", "orphan": "orphan"}
"""What `state:` calls the steps of a plan."""


def chosen(
    plan: Plan, decisions: Sequence[Decision], wanted: Sequence[str], exclude: Sequence[str]
) -> set[str]:
    """The steps that are selected, and orphans where nothing is said.  What names nothing is a fault of the command."""
    from ..compiler.tools.select import Unselected, select

    inputs = {one.step.address: sorted(set(one.step.inputs.values())) for one in decisions}
    kinds = {one.step.address: one.step.work.kind for one in decisions}
    states = {one.step.address: STATES[one.action] for one in decisions}
    try:
        return select(wanted, exclude, inputs, kinds, states)
    except Unselected as error:
        raise UsageError(str(error)) from None


def only(plan: Plan, addresses: Set[str]) -> Plan:
    """The plan of some steps and of all that they need; gates of other steps are left out."""
    needed = _with_inputs(plan, addresses)
    gates = tuple(gate for gate in plan.gates if gate.stage in needed)
    needed = _with_inputs(plan, needed.union(*(gate.before | gate.scores for gate in gates)))
    steps = tuple(step for step in plan.steps if step.address in needed)
    return plan.model_copy(update={"steps": steps, "gates": gates})


def _with_inputs(plan: Plan, addresses: Set[str]) -> set[str]:
    needed = set(addresses)
    for step in reversed(plan.steps):
        if step.address in needed:
            needed |= set(step.inputs.values())
    return needed


def facts(plan: Plan, root: Path = Path()) -> dict[str, dict[str, Any]]:
    """What the finished steps of a plan said, by address."""
    ledger = read_ledger(root / plan.run)
    entries = ledger.entries if ledger else {}
    prints = {step.address: step.fingerprint for step in plan.steps}
    return {
        name: entry.facts
        for name, entry in entries.items()
        if entry.state == "done" and prints.get(name) == entry.fingerprint
    }


def to_save(plan: Plan, root: Path = Path()) -> Plan:
    """The plan with what it was compared with, so that it runs only while that still stands."""
    store, ledger = store_of(plan, root), read_ledger(root / plan.run)
    kept = tuple(step.fingerprint for step in plan.steps if store.find(step.fingerprint))
    world = World(run=ledger.run if ledger else None, serial=ledger.serial if ledger else None, kept=kept)
    return plan.model_copy(update={"world": world})


def refuse_what_moved(plan: Plan, root: Path = Path()) -> None:
    """Raise Refusal where a saved plan no longer meets what it was made for.

    A run that this very plan has begun may go on.
    """
    store, ledger = store_of(plan, root), read_ledger(root / plan.run)
    begun = earlier(root / plan.run) == plan
    run, serial = (ledger.run, ledger.serial) if ledger else (None, None)
    if begun and plan.world:
        run, serial = plan.world.run, plan.world.serial
    found = stale(plan, run, serial, lambda fingerprint: store.find(fingerprint) is not None)
    found += [f"{path} is not what it was when the plan was made" for path in files.moved(plan)]
    if found:
        help = ("make the plan again with `lehr plan -o`, and look at what changed",)
        raise Refusal(
            "RUN116",
            "world-moved",
            "the world has moved since this plan was made",
            notes=tuple(found),
            help=help,
        )
