"""From the graph to the plan: every stage becomes a step in which nothing is left to decide.

A corpus is written once and turned into tokens once per tokenizer; part of some
data and the best of some models are steps of their own; an `eval` becomes one
step per model, so that each model is measured as soon as it is there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ...graph.blocks.bench import Bench
from ...graph.blocks.classifier import Classifier
from ...graph.blocks.cluster import Cluster
from ...graph.blocks.curate import Curate
from ...graph.blocks.eval import Eval
from ...graph.blocks.init import Init
from ...graph.blocks.label import Label
from ...graph.blocks.load import Load
from ...graph.blocks.merge import Merge
from ...graph.blocks.release import Release
from ...graph.blocks.sample import Sample
from ...graph.blocks.synthesize import Synthesize
from ...graph.blocks.trained import Trained
from ...graph.blocks.upcycle import Upcycle
from ...graph.claims import Claim, Verdict
from ...graph.model import Graph
from ...graph.schema import Block
from ...graph.values import scores
from .. import model
from ..fingerprint import fingerprint
from ..version import VERSION
from . import after, data, models
from .cluster import cluster, layout
from .drafts import Drafts, origin
from .gates import gates
from .order import run_order
from .trained import trained

__all__ = ["lower"]


def lower(
    graph: Graph,
    profile: str = "full",
    claims: Sequence[Claim] = (),
    editions: Mapping[str, int] | None = None,
) -> model.Plan:
    """The plan of a graph that was found sound; claims that need a run become gates.

    `editions` are those of the stages' code, by kind of step; 1 where it says none.
    """
    drafts = Drafts(graph, editions or {})
    for block in graph.blocks.values():
        _draft(drafts, block)
    name, asked = graph.pipeline.address, gates(drafts, claims)
    return model.Plan(
        lehr=VERSION,
        pipeline=name,
        profile=profile,
        run=graph.pipeline.runs or f"runs/{name}/{profile}",
        store=graph.pipeline.store,
        steps=tuple(_steps(drafts, asked)),
        gates=asked,
        benches={one: after.bench(drafts, drafts.block(one, Bench)) for one in _measured(graph, claims)},
        groups={one: model.Group(word=loop.word, turns=loop.turns) for one, loop in graph.loops.items()},
        sizes={name: found for name, block in graph.blocks.items() if (found := data.size(graph, block))},
        clusters={one.address: cluster(one) for one in graph.of(Cluster)},
    )


def _draft(drafts: Drafts, block: Block) -> None:
    """The steps of a stage.  What holds data, shapes and settings is drafted when a stage asks for it."""
    match block:
        case Trained():
            trained(drafts, block)
        case Init() | Load() | Upcycle() | Merge():
            models.made(drafts, block)
        case Curate() | Classifier() | Sample() | Label() | Synthesize():
            data.made(drafts, block)
        case Eval():
            after.evaluated(drafts, block)
        case Release():
            after.released(drafts, block)
        case _:
            pass


def _steps(drafts: Drafts, asked: Sequence[model.Gate]) -> list[model.Step]:
    """The drafts in an order in which they can be run, with their fingerprints.

    A stage begins when what its gates read on the way is there, and what follows it waits for its scores.
    """
    found = drafts.found
    needs = {name: {*draft.inputs.values()} for name, draft in found.items()}
    measuring = {one for gate in asked for one in gate.scores}
    for gate in asked:
        needs[gate.stage] |= gate.before
        for name in needs.keys() - measuring:
            needs[name] |= gate.scores if gate.stage in needs[name] else set()
    order = run_order(needs, {name: draft.rank for name, draft in found.items()})
    prints: dict[str, str] = {}
    for name in order:
        prints[name] = fingerprint(
            found[name].work, {role: prints[one] for role, one in found[name].inputs.items()}
        )
    return [
        model.Step(
            address=name,
            fingerprint=prints[name],
            inputs=found[name].inputs,
            work=found[name].work,
            checkpoint=found[name].checkpoint,
            layout=layout(getattr(found[name].block, "parallel", None)),
            moves=found[name].moves,
            origin=origin(found[name].block.header),
        )
        for name in order
    ]


def _measured(graph: Graph, claims: Sequence[Claim]) -> list[str]:
    """The benches that gates and claims ask for."""
    sides = [(gate.left, gate.right) for block in graph.blocks.values() for gate in block.gates]
    sides += [claim.sides for claim in claims if claim.verdict is Verdict.AT_RUN_TIME]
    return list(dict.fromkeys(score.bench.address for pair in sides for score in scores(*pair)))
