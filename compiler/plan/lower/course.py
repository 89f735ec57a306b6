"""A training stage's course as the plan has it: phases, intervals, averages, in whole steps.

The course comes from `graph.phases`, shares from `graph.shares`.  Where only a run
can tell the length, what is known is written down for the run to lay out.
"""

from __future__ import annotations

from typing import Any, cast

from ...graph.blocks.calls import Ema, OnPolicy
from ...graph.blocks.distill import Distill
from ...graph.blocks.mix import Mix
from ...graph.blocks.rl import Rl
from ...graph.blocks.trained import Average, Trained
from ...graph.model import Graph
from ...graph.phases import Course, Stretch, nearest_step
from ...graph.shares import Diet, diets, groups
from ...graph.values import Portion, Ref, Timeline
from ...units import STEPS, TOKENS
from .. import model
from .drafts import origin


def phases(course: Course, graph: Graph, stage: Trained) -> tuple[model.Phase, ...]:
    """The course cut wherever shapes or shares change their way."""
    found: list[model.Phase] = []
    for group in groups(course):
        if group[0].source is None:  # prompts are read, and no share of them moves
            found += [_phase(stretch, None) for stretch in group]
            continue
        for diet in diets(group[0].source, graph.blocks.get, group[0].start, course, group[-1].end):
            stretch = next(s for s in group if s.start <= diet.start < s.end)
            found.append(_phase(stretch, diet))
    return tuple(found)


def _phase(stretch: Stretch, diet: Diet | None) -> model.Phase:
    data, shares = stretch.data, dict[str, model.Share]()
    if diet:
        shares = {
            spelled(data) if isinstance(data, Portion) else name: model.Share(
                first=share, last=diet.last[name]
            )
            for name, share in diet.first.items()
            if share or diet.last[name]
        }
    return model.Phase(
        steps=diet.end - diet.start if diet else stretch.steps,
        context=stretch.context,
        sequences=stretch.sequences,
        rope=float(stretch.rope) or None,
        shares=shares,
    )


def moves(course: Course) -> tuple[model.Move, ...]:
    """Where in the spec the changes along a course were written."""
    return tuple(
        model.Move(
            step=stretch.start,
            what=field,  # pyright: ignore[reportArgumentType]
            origin=origin(span),
            length=len(span.text.splitlines()[0]),
        )
        for stretch in course.stretches
        for field, span in stretch.moved
    )


def spelled(data: Portion) -> str:
    """Part of some data as the spec has it, which is also its step's address."""
    of = f", of: {data.whole}" if data.how == "part" else ""
    return f"{data.of.address}.{data.how}({data.argument}{of})"


def read(stage: Trained, course: Course | None, graph: Graph) -> list[Ref | Portion]:
    """The data that a stage reads, mixes taken apart; what is never drawn from is left out."""
    if stage.reads is None:
        return []
    whole = [one for one, _ in stage.reads.values]
    parts = [one for one in whole if isinstance(one, Portion)]
    if course is not None:
        names = {name for phase in phases(course, graph, stage) for name in phase.shares}
        names -= {spelled(one) for one in parts}
    else:
        names = {name for one in whole if isinstance(one, Ref) for name in _corpora(one, graph)}
    blocks = graph.blocks
    return [*dict.fromkeys(parts), *(Ref(name, blocks[name].kind) for name in sorted(names))]


def _corpora(data: Ref, graph: Graph) -> list[str]:
    block = graph.blocks[data.address]
    inside = block.shares if isinstance(block, Mix) else {}
    return [name for one in inside for name in _corpora(Ref(one, ""), graph)] or [data.address]


def lr(stage: Trained, course: Course, graph: Graph) -> tuple[model.Segment, ...]:
    """The learning rate as pieces on whole steps."""
    return tuple(
        model.Segment(
            start=int(piece.start),
            end=int(piece.end),
            first=float(piece.first),
            last=float(piece.last),
            via=piece.via,  # pyright: ignore[reportArgumentType]
        )
        for piece in graph.derived.pieces(stage.lr, course)
        if piece.end > piece.start and piece.start < course.steps
    )


def average(wanted: Average | None, course: Course) -> model.Average | None:
    """Which steps' weights the stage's result is the mean of."""
    if wanted is None:
        return None
    every = course.interval(wanted.every)
    rate = float(wanted.weights.rate) if isinstance(wanted.weights, Ema) else None
    return model.Average(first=nearest_step(course.place(wanted.start)) or every, every=every, rate=rate)


# ---- where only a run can tell ------------------------------------------------------


def why_not_open(stage: Trained, graph: Graph) -> str:
    """Which field keeps a stage of unknown length from being planned; empty where none does."""
    if any(isinstance(one, Ref) and isinstance(graph.blocks.get(one.address), Mix) for one in _read(stage)):
        return "data"  # a mix has no size of its own
    lines = {
        "context": graph.derived.context(stage),
        "batch": stage.batch,
        "rope": graph.derived.rope(stage),
        "data": stage.reads,
    }
    for name, line in lines.items():
        if line is not None and line.moves:
            return name
    if any(isinstance(gate.at, str) or gate.at.dims or gate.at.value != 1 for gate in stage.gates):
        return "require"
    if any(leg.point.dims not in ((), STEPS) for leg in stage.lr.legs):
        return "lr"
    return next((name for name in ("average", "checkpoint") if _in_tokens(getattr(stage, name))), "")


def _read(stage: Trained) -> list[Any]:
    return [one for one, _ in stage.reads.values] if stage.reads else []


def _open_average(wanted: Average) -> model.OpenAverage:
    return model.OpenAverage(
        every=int(wanted.every.value),
        place=wanted.start.value,
        of="steps" if wanted.start.dims == STEPS else "stage",
        rate=float(wanted.weights.rate) if isinstance(wanted.weights, Ema) else None,
    )


def _in_tokens(setting: Any) -> bool:
    return setting is not None and TOKENS in (
        setting.every.dims,
        getattr(setting, "start", setting.every).dims,
    )


def open_course(stage: Trained, graph: Graph, inputs: dict[str, str]) -> model.Open:
    """What is known of a stage whose length is not."""
    context = int(cast("Timeline", graph.derived.context(stage)).start.value)
    batch, rope = stage.batch.start, graph.derived.rope(stage)
    in_tokens = batch.dims == TOKENS
    reads_prompts = isinstance(stage, Rl) or (isinstance(stage, Distill) and isinstance(stage.data, OnPolicy))
    of = (
        inputs["prompts"]
        if reads_prompts
        else next(inputs[role] for role in inputs if role.startswith(("data:", "tokens:")))
    )
    assert stage.epochs is not None
    return model.Open(
        epochs=stage.epochs,
        counts="tokens" if in_tokens else "examples",
        of=of,
        answers=stage.answers if isinstance(stage, Rl) else 1,
        context=context,
        sequences=int(batch.value / context) if in_tokens else int(batch.value),
        rope=float(rope.start.value) if rope else None,
        average=_open_average(stage.average) if stage.average else None,
        lr=float(stage.lr.start.value),
        legs=tuple(
            model.Leg(
                glides=leg.glides,
                value=float(leg.value.value),
                place=leg.point.value,
                of="steps" if leg.point.dims == STEPS else "stage",
                via=leg.via,  # pyright: ignore[reportArgumentType]
            )
            for leg in stage.lr.legs
        ),
    )
