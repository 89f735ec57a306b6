"""What a run must pass, as the plan has it: `require` of every stage, and claims that need a run.

A score that is asked of a finished model is an `eval` step, so that it is measured once and kept.
A model on its way has no artifact: the training loop measures it, and reads what the benches need.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast

from ...graph.blocks.bench import Bench
from ...graph.blocks.trained import Trained
from ...graph.claims import Claim, Verdict
from ...graph.phases import Course, Stretch, nearest_step
from ...graph.schema import Block
from ...graph.values import Fact, Formula, Gate, Ref, Score, scores
from ...units import EXAMPLES, Quantity
from .. import model
from .after import measured, read
from .data import tokenizer
from .drafts import Drafts, origin


@dataclass(frozen=True, slots=True)
class _Moments:
    """When a gate is measured: after these steps of the stage, and when it is done."""

    steps: tuple[int, ...] = ()
    end: bool = True


def gates(drafts: Drafts, claims: Sequence[Claim] = ()) -> tuple[model.Gate, ...]:
    """Every gate of a graph, in the order of its stages; then the claims that wait for a run."""
    return (*_required(drafts), *_claimed(drafts, claims))


def _required(drafts: Drafts) -> Iterator[model.Gate]:
    graph = drafts.graph
    for block in list(graph.blocks.values()):
        for gate in block.gates:
            moments = _moments(drafts, gate, block)
            yield model.Gate(
                stage=block.address,
                name=_name(gate.left, gate.right),
                at=_at(gate),
                steps=moments.steps,
                end=moments.end,
                inputs=_inputs(drafts, gate, block) if moments.steps else {},
                op=cast("model.Compare", gate.op),
                left=formula(drafts, gate.left, block, moments),
                right=formula(drafts, gate.right, block, moments),
                within=gate.within,
                enforced=gate.of_profile or not graph.derived.scaling.is_scaled,
                text=gate.text,
                origin=origin(gate.span),
            )


def _claimed(drafts: Drafts, claims: Sequence[Claim]) -> Iterator[model.Gate]:
    """A claim about what is measured is asked when the last of the stages that it names is there."""
    for claim in claims:
        if claim.verdict is not Verdict.AT_RUN_TIME:
            continue
        last = drafts.graph.blocks[max(_told_by(*claim.sides), key=drafts.place)]
        span = claim.node.claim.span
        yield model.Gate(
            stage=last.address,
            name=_name(*claim.sides),
            at="end",
            steps=(),
            end=True,
            inputs={},
            op=cast("model.Compare", claim.op),
            left=formula(drafts, claim.sides[0], last),
            right=formula(drafts, claim.sides[1], last),
            within=claim.slack,
            enforced=not drafts.graph.derived.scaling.is_scaled,
            text=span.text,
            origin=origin(span),
        )


def _told_by(*sides: Any) -> Iterator[str]:
    """The stages whose results a claim compares."""
    for side in sides:
        match side:
            case Score(model=Ref(address=address)) | Fact(of=Ref(address=address)):
                yield address
            case Formula(left=left, right=right):
                yield from _told_by(left, right)
            case _:
                continue


def _name(*sides: Any) -> str:
    """What `--pass` calls a gate: `needle` for `house.needle == 100%`, `kept` for a count."""
    for side in sides:
        match side:
            case Score(bench=bench):
                return bench.address.split(".")[-1]
            case Fact(name=name):
                return name
            case Formula(left=left, right=right) if found := _name(left, right):
                return found
            case _:
                continue
    return ""


# ---- when --------------------------------------------------------------------------


def _at(gate: Gate) -> str:
    if isinstance(gate.at, Quantity):
        return "end" if gate.at.dims == () and gate.at.value == 1 else str(gate.at)
    return str(gate.at)


def _moments(drafts: Drafts, gate: Gate, block: Block) -> _Moments:
    """Whole steps.  A field's move is measured when what it moved to has been trained at: before its next
    move, or at the end.
    """
    course = drafts.graph.derived.course(block) if isinstance(block, Trained) else None
    if not isinstance(course, Course) or not isinstance(block, Trained):
        return _Moments()
    if isinstance(gate.at, str):
        return _Moments(tuple(_moves(course, block, gate.at)[1:]), end=True)
    step = nearest_step(course.place(gate.at))
    return _Moments() if step >= course.steps else _Moments((step,), end=False)


def _moves(course: Course, block: Trained, field: str) -> list[int]:
    """The steps at which a field of a stage takes another value."""
    pairs = zip(course.stretches, course.stretches[1:], strict=False)
    return [then.start for now, then in pairs if _held(now, block, field) != _held(then, block, field)]


def _held(stretch: Stretch, block: Trained, field: str) -> Any:
    """A field's value in a stretch; a batch as the spec counts it."""
    if field == "batch":
        return stretch.sequences if block.batch.start.dims == EXAMPLES else stretch.step_tokens
    return getattr(stretch, field)


# ---- what --------------------------------------------------------------------------


def _inputs(drafts: Drafts, gate: Gate, block: Block) -> dict[str, str]:
    """What the benches read that measure the stage's own model on its way."""
    found = {"tokenizer": tokenizer(drafts, block.ref)}
    for score in scores(gate.left, gate.right):
        if score.model is None or score.model == block.ref:
            found |= read(drafts, drafts.block(score.bench.address, Bench), block.ref)
    return found


def formula(drafts: Drafts, value: Any, stage: Block, moments: _Moments = _Moments()) -> model.Formula:
    """A side of a gate: a number, a measurement, or arithmetic of both."""
    match value:
        case Quantity():
            return model.Constant(value=value.value)
        case Score(model=named, bench=bench):
            of = named or stage.ref
            is_left_out = of == stage.ref and not moments.end
            step = None if is_left_out else measured(drafts, drafts.block(bench.address, Bench), of)
            return model.Measure(model=of.address, bench=bench.address, step=step)
        case Fact(of=of, name=name):
            return model.Count(of=of.address, what=name)
        case Formula(op=op, left=left, right=right):
            sides = [formula(drafts, side, stage, moments) for side in (left, right)]
            return model.Arithmetic(op=cast("model.Operator", op), left=sides[0], right=sides[1])
        case _:
            raise TypeError(f"{value!r} is no side of a gate")
