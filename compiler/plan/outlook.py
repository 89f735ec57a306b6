"""What a plan would do and cost, as one object: `lehr plan` prints it, as a table or as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from typing import Any

from ..units import digits
from .compare import Change, Decision
from .cost.bill import Bill, Cost, totals
from .cost.layouts import spell
from .ledger import Account, Drawn, accounts
from .model import Exact, Frozen, Plan, TrainedWork
from .summary import rate, samples, share, summary


class Field(Frozen):
    """A field that differs from the last run's."""

    field: str
    before: str | None
    after: str | None


class Phase(Frozen):
    steps: int
    context: int
    sequences: int
    tokens: int
    flops: int
    seconds: float | None
    shares: dict[str, str]


class Memory(Frozen):
    """Bytes on one device at the fullest moment."""

    total: int
    room: int
    terms: dict[str, int]
    recompute: bool


class Line(Frozen):
    """A step: what becomes of it, because of what, and what it costs.

    `waits` names the step after which the rest is known.
    """

    address: str
    kind: str
    action: str
    reason: str
    because: str
    note: str
    changes: tuple[Field, ...]
    side_by_side: int
    steps: int | None
    tokens: int | None
    phases: tuple[Phase, ...]
    summary: str
    lr: str
    averaged: tuple[int, ...]
    saves: str
    waits: str
    params: int
    flops: int
    parts: dict[str, int]
    artifact_bytes: int
    checkpoint_bytes: int
    layout: str
    memory: Memory | None
    seconds: float | None
    device_hours: float | None
    price: float | None
    fault: str


class Reader(Frozen):
    """A stage that draws from a corpus; `passes` and `documents` are its own share of it.

    `reconciled` says whether whole sequences explain how far `drawn` is from `planned`.
    """

    stage: str
    planned: Exact
    passes: float | None
    documents: float | None
    drawn: int | None
    reconciled: bool | None


class Corpus(Frozen):
    """A corpus with all that is drawn from it, planned and really."""

    corpus: str
    size: int | None
    documents: int | None
    planned: Exact
    drawn: int | None
    passes: float | None
    readers: tuple[Reader, ...]


class Total(Frozen):
    """All steps that will run; what only a run can tell is left out."""

    flops: int
    artifact_bytes: int
    checkpoint_bytes: int
    seconds: float | None
    device_hours: float | None
    price: float | None
    currency: str
    unknown: tuple[str, ...]


class Outlook(Frozen):
    version: int = 1
    spec: str
    pipeline: str
    profile: str
    run: str
    cluster: str | None
    steps: tuple[Line, ...]
    gates: tuple[str, ...]
    data: tuple[Corpus, ...]
    total: Total


def outlook(
    plan: Plan,
    decisions: Sequence[Decision],
    spec: str,
    facts: Mapping[str, Mapping[str, Any]] | None = None,
    on: str | None = None,
) -> Outlook:
    """Put together decisions, costs and the ledger of tokens.

    `decisions` may be about some of the steps only; `on` names one of the plan's clusters.
    """
    cluster, shown = plan.clusters[on] if on else None, {one.step.address for one in decisions}
    bill = Bill(plan, cluster)
    lines = tuple(_line(one, bill, plan) for one in decisions)
    due = {
        one.step.address: bill.costs[one.step.address] for one in decisions if one.action in ("run", "again")
    }
    sums = totals(due)
    return Outlook(
        spec=spec,
        pipeline=plan.pipeline,
        profile=plan.profile,
        run=plan.run,
        cluster=on,
        steps=lines,
        gates=tuple(
            f"{gate.text} at {gate.at} of {gate.stage}" for gate in plan.gates if gate.stage in shown
        ),
        data=_data(plan, facts, shown),
        total=Total(
            flops=sums.flops,
            artifact_bytes=sums.artifact,
            checkpoint_bytes=sums.checkpoints,
            seconds=sums.seconds,
            device_hours=sums.device_hours,
            price=sums.price,
            currency=cluster.currency if cluster else "",
            unknown=tuple(name for name, cost in due.items() if cost.unknown),
        ),
    )


def _line(decision: Decision, bill: Bill, plan: Plan) -> Line:
    step, work = decision.step, decision.step.work
    cost = bill.costs.get(step.address, Cost()) if decision.action != "orphan" else Cost()
    trained = work if isinstance(work, TrainedWork) else None
    laid, saves = trained.phases if trained else (), step.checkpoint
    return Line(
        address=step.address,
        kind=work.kind,
        action=decision.action,
        reason=decision.reason,
        because=decision.because,
        note=decision.note,
        changes=tuple(_field(one) for one in decision.changes),
        side_by_side=_side_by_side(step.address, plan),
        steps=trained.steps if trained and not trained.open else None,
        tokens=trained.tokens if trained and not trained.open else None,
        phases=tuple(
            Phase(
                steps=one.steps,
                context=one.context,
                sequences=phase.sequences,
                tokens=one.tokens,
                flops=one.flops,
                seconds=one.seconds,
                shares={name: share(part) for name, part in phase.shares.items()},
            )
            for one, phase in zip(cost.phases, laid, strict=False)
        ),
        summary=summary(step, plan),
        lr=rate(trained.lr) if trained else "",
        averaged=tuple(samples(trained)) if trained else (),
        saves=f"every {digits(saves.every)} steps and keeps {saves.keep}" if saves else "",
        waits=cost.unknown,
        params=cost.params,
        flops=cost.flops,
        parts=cost.parts,
        artifact_bytes=cost.artifact,
        checkpoint_bytes=cost.checkpoints,
        layout=spell(cost.layout) if cost.layout else "",
        memory=_memory(cost, bill),
        seconds=cost.seconds,
        device_hours=cost.device_hours,
        price=cost.price,
        fault=_fault(cost, bill),
    )


def _field(change: Change) -> Field:
    return Field(field=change.field, before=change.before, after=change.after)


def _memory(cost: Cost, bill: Bill) -> Memory | None:
    held = cost.memory
    if held is None:
        return None
    terms = {name: getattr(held, name) for name in type(held).__slots__ if getattr(held, name)}
    return Memory(total=held.total, room=bill.room, terms=terms, recompute=cost.recompute)


def _fault(cost: Cost, bill: Bill) -> str:
    """Why a step cannot run on the cluster; empty where it can."""
    if cost.fault or cost.memory is None or cost.memory.total <= bill.room:
        return cost.fault
    held = cost.memory
    gigabytes = f"{held.total / 1e9:.1f} GB of {bill.room / 1e9:.1f} GB"
    return f"{gigabytes} on a device, most of it {held.largest} ({getattr(held, held.largest) / 1e9:.1f} GB)"


def _side_by_side(address: str, plan: Plan) -> int:
    """How many turns of the nearest `each` around a step may run side by side."""
    around = [
        name for name, group in plan.groups.items() if group.word == "each" and address.startswith(f"{name}[")
    ]
    return plan.groups[max(around, key=len)].turns if around else 1


def _data(plan: Plan, facts: Mapping[str, Mapping[str, Any]] | None, shown: Set[str]) -> tuple[Corpus, ...]:
    found: list[Corpus] = []
    for account in accounts(plan, facts, shown):
        passes = account.passes
        readers = tuple(_reader(account, one) for one in account.entries)
        found.append(
            Corpus(
                corpus=account.corpus,
                size=account.tokens,
                documents=account.documents,
                planned=account.planned,
                drawn=account.really,
                passes=float(passes) if passes is not None else None,
                readers=readers,
            )
        )
    return tuple(found)


def _reader(account: Account, one: Drawn) -> Reader:
    documents = account.documents_in(one.planned)
    return Reader(
        stage=one.stage,
        planned=one.planned,
        passes=float(one.planned / account.tokens) if account.tokens else None,
        documents=float(documents) if documents is not None else None,
        drawn=one.really,
        reconciled=one.reconciled,
    )
