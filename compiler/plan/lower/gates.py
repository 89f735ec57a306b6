"""What a run must pass, as the plan has it: `require` of every stage, and claims that need a run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, cast

from ...graph.claims import Claim, Verdict
from ...graph.model import Graph
from ...graph.values import Fact, Formula, Gate, Score, scores
from ...units import Quantity
from .. import model


def gates(graph: Graph, claims: Sequence[Claim] = ()) -> tuple[model.Gate, ...]:
    """Every gate of a graph, in the order of its stages; then the claims that wait for a run."""
    return (*_required(graph), *_claimed(graph, claims))


def _required(graph: Graph) -> Iterator[model.Gate]:
    for block in graph.blocks.values():
        for gate in block.gates:
            yield model.Gate(
                stage=block.address,
                at=_at(gate),
                op=cast("model.Compare", gate.op),
                left=formula(gate.left, block.address),
                right=formula(gate.right, block.address),
                within=gate.within,
                enforced=gate.of_profile or not graph.derived.scaling.is_scaled,
                text=gate.text,
            )


def _claimed(graph: Graph, claims: Sequence[Claim]) -> Iterator[model.Gate]:
    """A claim about scores is asked when the last of the models that it names is there."""
    places = {address: place for place, address in enumerate(graph.blocks)}
    for claim in claims:
        if claim.verdict is not Verdict.AT_RUN_TIME:
            continue
        models = [score.model.address for score in scores(*claim.sides) if score.model]
        stage = max(models, key=lambda address: places.get(address, -1), default="")
        yield model.Gate(
            stage=stage,
            at="end",
            op=cast("model.Compare", claim.op),
            left=formula(claim.sides[0], stage),
            right=formula(claim.sides[1], stage),
            within=claim.slack,
            enforced=not graph.derived.scaling.is_scaled,
            text=claim.node.claim.span.text,
        )


def _at(gate: Gate) -> str:
    if isinstance(gate.at, Quantity):
        return "end" if gate.at.dims == () and gate.at.value == 1 else str(gate.at)
    return str(gate.at)


def formula(value: Any, stage: str) -> model.Formula:
    """A side of a gate: a number, a measurement, or arithmetic of both."""
    match value:
        case Quantity():
            return model.Constant(value=value.value)
        case Score(model=of, bench=bench):
            return model.Measure(model=of.address if of else stage, bench=bench.address)
        case Fact(of=of, name=name):
            return model.Count(of=of.address, what=name)
        case Formula(op=op, left=left, right=right):
            sides = formula(left, stage), formula(right, stage)
            return model.Arithmetic(op=cast("model.Operator", op), left=sides[0], right=sides[1])
        case _:
            raise TypeError(f"{value!r} is no side of a gate")
