"""What a run came to, as one object: from its plan, its ledger, its events and the manifests of its artifacts.

`page` makes a page of it; as JSON it is for programs.  Nothing here loads torch, and a run that is under way, was
killed, or whose artifacts are gone is told as far as it went.
"""

from __future__ import annotations

import platform
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...compiler.plan.ledger import accounts
from ...compiler.plan.model import EvalWork, Plan, Step, TrainedWork
from ...runtime.engine.events import Event, every
from ...runtime.engine.ledger import Ledger, Measured, read
from ...runtime.engine.status import Status, status
from ...runtime.store import manifest
from ..amounts import amount, binary, count
from ..progress import losses, summary
from ..stores import store_of

Facts = Mapping[str, Any]
_POINTS = 400
"""Of a curve, at most."""


@dataclass(frozen=True, slots=True)
class Row:
    """A step.  `course` is how it was trained, `result` what came out, `parent` the step whose model it began with."""

    address: str
    kind: str
    state: str
    parent: str
    depth: int
    course: str
    result: str
    seconds: float
    fingerprint: str
    files: dict[str, int]
    """Bytes by name; empty where the artifact is not there."""


@dataclass(frozen=True, slots=True)
class Curve:
    """The loss of a stage along its steps."""

    stage: str
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Scores:
    """What a bench measured: `rows` are models with their value in the order in which they were made."""

    bench: str
    suite: str
    rows: tuple[tuple[str, Facts], ...]

    @property
    def positions(self) -> tuple[Curve, ...]:
        """Nats by position in the context, of each model that was measured so."""
        return tuple(
            Curve(model, tuple((float(where.split("-")[0]) + 1, nats) for where, nats in told.items()))
            for model, score in self.rows
            if len(told := score.get("by_position", {})) > 1
        )


@dataclass(frozen=True, slots=True)
class Drawn:
    """A corpus: its tokens where they are known, and what stages drew of it, planned and really."""

    corpus: str
    tokens: int | None
    planned: float
    really: int | None
    passes: float | None
    stages: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Funnel:
    """What each step of a curation let through: name, documents in, documents out."""

    stage: str
    steps: tuple[tuple[str, int, int], ...]


@dataclass(frozen=True, slots=True)
class Told:
    """All of it.  `claims` and `assumed` come from the spec, where it is still there."""

    pipeline: str
    profile: str
    folder: str
    lehr: str
    spec: str
    run: str
    began: str
    ended: str
    seconds: float
    counts: dict[str, int]
    rows: tuple[Row, ...]
    curves: tuple[Curve, ...]
    scores: tuple[Scores, ...]
    texts: tuple[tuple[str, str, str], ...]
    drawn: tuple[Drawn, ...]
    funnels: tuple[Funnel, ...]
    gates: tuple[Measured, ...]
    passes: tuple[Facts, ...]
    warnings: tuple[tuple[str, str], ...]
    versions: dict[str, str]
    claims: tuple[tuple[str, str], ...] = ()
    assumed: tuple[tuple[str, str, str], ...] = ()


def told(folder: Path, root: Path = Path()) -> Told:
    """The run in a folder; artifacts lie in the plan's store below `root`.  Raises OSError where there is none."""
    plan = Plan.model_validate_json((folder / "plan.json").read_bytes())
    found, events, ledger = status(folder), list(every(folder)), read(folder) or Ledger(run="")
    facts = {one.address: one.facts for one in found.steps if one.state in ("done", "held")}
    manifests = {
        step.address: manifest.read(store_of(plan, root).path(step.fingerprint)) for step in plan.steps
    }
    began, ended = (events[place].time[:19].replace("T", " ") if events else "" for place in (0, -1))
    return Told(
        pipeline=plan.pipeline,
        profile=plan.profile,
        folder=str(folder),
        lehr=plan.lehr,
        spec=plan.steps[0].origin.path if plan.steps else "",
        run=ledger.run,
        began=began,
        ended=ended,
        seconds=sum(one.seconds for one in found.steps),
        counts={state: found.count(state) for state in dict.fromkeys(one.state for one in found.steps)},
        rows=tuple(_rows(plan, found, manifests)),
        curves=tuple(_curves(events)),
        scores=tuple(_scores(plan, facts)),
        texts=tuple(_texts(plan, facts)),
        drawn=tuple(_drawn(plan, facts)),
        funnels=tuple(_funnels(plan, facts)),
        gates=tuple(gate for one in found.steps for gate in one.gates),
        passes=tuple(one.model_dump() for one in ledger.passes),
        warnings=tuple(_warnings(events)),
        versions=_versions(manifests),
    )


# ---- steps -----------------------------------------------------------------------------------


def _rows(plan: Plan, found: Status, manifests: Mapping[str, Facts | None]) -> Iterator[Row]:
    depths: dict[str, int] = {}
    for step, one in zip(plan.steps, found.steps, strict=True):
        parent = step.inputs.get("model") or step.inputs.get("model:0") or ""
        depths[step.address] = depths.get(parent, -1) + 1 if parent else 0
        files = (manifests[step.address] or {}).get("files", {})
        yield Row(
            address=step.address,
            kind=step.work.kind,
            state=one.state,
            parent=parent,
            depth=depths[step.address],
            course=course(step),
            result=_result(step, one.facts) if one.state == "done" and one.facts else one.because,
            seconds=one.seconds,
            fingerprint=step.fingerprint,
            files={name: entry["bytes"] for name, entry in files.items()},
        )


def _result(step: Step, facts: Facts) -> str:
    """In a few words; how long a stage was stands in its course."""
    return (
        losses(dict(facts))
        if isinstance(step.work, TrainedWork) and "loss" in facts
        else summary(step, dict(facts))
    )


def course(step: Step) -> str:
    """Steps, tokens, contexts and rates of a stage that trains: `730 steps, 1.5M tokens, context 64 → 512`."""
    work = step.work
    if not isinstance(work, TrainedWork) or not work.phases:
        return ""
    contexts = list(dict.fromkeys(binary(phase.context) for phase in work.phases))
    highest = max(max(one.first, one.last) for one in work.lr)
    parts = [count(work.steps, "step"), f"{amount(work.tokens)} tokens", f"context {' → '.join(contexts)}"]
    return ", ".join([*parts, f"lr up to {highest:.3g}, {work.lr[-1].last:.3g} at the end"])


def _curves(events: list[Event]) -> Iterator[Curve]:
    """Every stage's losses; what an attempt did again after a kill counts once."""
    losses: dict[str, dict[int, float]] = {}
    for event in events:
        if event.event == "progress" and isinstance(event.facts.get("loss"), int | float):
            losses.setdefault(event.step, {})[event.facts["step"]] = float(event.facts["loss"])
    for stage, found in losses.items():
        points = sorted(found.items())
        thin = max(1, len(points) // _POINTS)
        kept = points[::thin] if len(points) % thin == 1 or thin == 1 else [*points[::thin], points[-1]]
        yield Curve(stage, tuple((float(step), loss) for step, loss in kept))


def _warnings(events: list[Event]) -> Iterator[tuple[str, str]]:
    for event in events:
        match event.event:
            case "resumed":
                yield event.step, f"went on at step {event.facts['step']} after it was cut off"
            case "artifact_altered" | "checkpoint_corrupt":
                yield event.step, f"{event.facts['path']} was not what had been written, and was not used"
            case "skipped":
                yield (
                    event.step,
                    f"step {event.facts['step']} was skipped: gradient norm {event.facts['norm']}",
                )
            case "failed":
                yield event.step, f"failed: {event.facts.get('because', '')}"
            case _:
                pass


# ---- what was measured -----------------------------------------------------------------------------


def _scores(plan: Plan, facts: Mapping[str, Facts]) -> Iterator[Scores]:
    found: dict[str, tuple[str, list[tuple[str, Facts]]]] = {}
    for step in plan.steps:
        if isinstance(step.work, EvalWork) and step.address in facts:
            for bench, score in facts[step.address].get("scores", {}).items():
                found.setdefault(bench, (score["suite"], []))[1].append((step.inputs["model"], score))
    for bench, (suite, rows) in found.items():
        yield Scores(bench, suite, tuple(rows))


def _texts(plan: Plan, facts: Mapping[str, Facts]) -> Iterator[tuple[str, str, str]]:
    for step in plan.steps:
        for one in facts.get(step.address, {}).get("continuations", ()):
            yield step.inputs["model"], one["prompt"], one["text"]


def _drawn(plan: Plan, facts: Mapping[str, Facts]) -> Iterator[Drawn]:
    for one in accounts(plan, facts):
        passes = float(one.passes) if one.passes is not None else None
        stages = tuple(entry.stage for entry in one.entries)
        yield Drawn(one.corpus, one.tokens, float(one.planned), one.really, passes, stages)


def _funnels(plan: Plan, facts: Mapping[str, Facts]) -> Iterator[Funnel]:
    for step in plan.steps:
        funnel = facts.get(step.address, {}).get("funnel") if step.work.kind == "curate" else None
        if funnel:
            yield Funnel(step.address, tuple((one["step"], one["documents"], one["kept"]) for one in funnel))


def _versions(manifests: Mapping[str, Facts | None]) -> dict[str, str]:
    """Of what made the artifacts; where they differ, all of them."""
    found: dict[str, dict[str, None]] = {}
    for one in manifests.values():
        for name, version in (one or {}).get("versions", {}).items():
            found.setdefault(name, {})[version] = None
    return {name: ", ".join(versions) for name, versions in found.items()} | {"machine": platform.machine()}
