"""What matters of a block at a glance: a stage's tokens, context, batch and steps; a corpus's passes."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from typing import Any

from ..graph.attributes import DERIVED
from ..graph.blocks.calls import Best, Top
from ..graph.blocks.corpus import Corpus
from ..graph.blocks.eval import Eval
from ..graph.blocks.init import Init
from ..graph.blocks.label import Label
from ..graph.blocks.load import Load
from ..graph.blocks.merge import Merge
from ..graph.blocks.mix import Mix
from ..graph.blocks.preferences import Preferences
from ..graph.blocks.prompts import Prompts
from ..graph.blocks.prune import Prune
from ..graph.blocks.release import Release
from ..graph.blocks.rl import Rl
from ..graph.blocks.sample import Sample
from ..graph.blocks.tokenizer import Tokenizer
from ..graph.blocks.trained import Trained
from ..graph.blocks.upcycle import Upcycle
from ..graph.lineage import parent
from ..graph.model import Graph
from ..graph.phases import Course
from ..graph.schema import Block
from ..graph.shares import Place
from ..graph.sizes import examples, tokens
from ..graph.values import Fact, Interval, Ref, Timeline, Word
from ..lint.ledger import Ledger
from ..units import EXAMPLES, TOKENS, Quantity, digits
from .drawing import Facts, Moves, Value


def facts(block: Block, graph: Graph) -> Facts:
    """By name, in the order in which they are told."""
    match block:
        case Prune() | Upcycle():
            shaped = {"arch": block.to.address, **_params(block, graph)}
            return shaped | (_course(block, graph) if isinstance(block, Prune) else {})
        case Trained():
            algorithm = {"algorithm": type(block.algorithm).__name__.lower()} if isinstance(block, Rl) else {}
            return algorithm | _course(block, graph)
        case Init(arch=arch):
            return {"arch": arch.address, **_params(block, graph)}
        case Load(arch=arch):
            return ({"arch": arch.address} if arch else {"path": block.path}) | _params(block, graph)
        case Sample():
            return {"per_prompt": _span(block.per_prompt), "keep": _kept(block.keep)}
        case Label():
            return {"by": type(block.by).__name__.lower()}
        case Merge(method=method):
            return {"method": method}
        case Eval(benches=benches):
            return {"benches": len(benches)}
        case Release(format=format):
            return {"format": format}
        case Mix(shares=shares):
            return {"shares": tuple(f"{name} {_share(line)}" for name, line in shares.items())}
        case Tokenizer(vocab=vocab):
            return {"vocab": vocab}
        case Corpus() | Preferences() | Prompts():
            return _size(block, graph)
        case _:
            return {}


def _params(block: Block, graph: Graph) -> dict[str, Value]:
    found: Any = DERIVED[block.kind]["params"](graph.derived, block)
    return {"params": int(found.value)} if isinstance(found, Quantity) else {}


def _course(stage: Trained, graph: Graph) -> dict[str, Value]:
    """What a stage comes to; where only a run can tell, what it waits for."""
    course = graph.derived.length_of(stage)
    averaged: dict[str, Value] = {"averaged": True} if stage.average else {}
    if isinstance(course, Fact):
        return {"waits": course.of.address, **averaged}
    if course is None:
        return averaged
    length = _length(course)
    in_sequences = stage.batch.start.dims == EXAMPLES
    batch = [one.sequences if in_sequences else one.step_tokens for one in course.stretches]
    return {
        **({"length": length} if length else {}),
        "tokens": course.tokens,
        "context": _moves([one.context for one in course.stretches]),
        "sequences" if in_sequences else "batch": _moves(batch),
        "steps": course.steps,
        **averaged,
    }


def _length(course: Course) -> int | None:
    """The tokens that were asked for, unless a floor made the stage longer than its last step does."""
    asked = int(course.length.value) if course.length.dims == TOKENS else 0
    return asked if course.tokens - asked < course.stretches[-1].step_tokens else None


def _moves(values: list[int]) -> Value:
    changes = sum(before != after for before, after in pairwise(values))
    return Moves(values[0], values[-1], changes) if values[0] != values[-1] else values[0]


def _span(value: int | Interval) -> str:
    if isinstance(value, int):
        return digits(value)
    return f"{digits(value.low.value)}..{digits(value.high.value)}"


def _kept(keep: str | Best | Top) -> str:
    match keep:
        case Best(count=count):
            return f"best {count}"
        case Top(share=share):
            return f"top {float(share * 100):g}%"
        case _:
            return keep


def _share(line: Timeline) -> str:
    """A share, or its first and last."""
    if isinstance(line.start, Word):
        return line.start.text
    ends = [line.start, *([line.legs[-1].value] if line.legs else [])]
    return "→".join(
        f"{float(one.value * 100):.4g}%" if isinstance(one, Quantity) else str(one) for one in ends
    )


def _size(block: Corpus | Preferences | Prompts, graph: Graph) -> dict[str, Value]:
    found = {"tokens": tokens(block.ref, graph.blocks.get), "examples": examples(block.ref, graph.blocks.get)}
    return {name: int(size) for name, size in found.items() if isinstance(size, Fraction) and size >= 1}


def read(graph: Graph) -> dict[str, Facts]:
    """By corpus, the tokens and passes that are drawn of it: by the model whose lineage draws most."""
    ledger = Ledger(graph)
    drawn = _most(graph, ledger.own)
    passes = _most(graph, lambda stage: _passes(stage, graph, ledger))
    return {
        corpus: {
            **({"drawn": int(drawn[corpus])} if corpus in drawn else {}),
            **({"passes": round(float(passes[corpus]), 6)} if corpus in passes else {}),
        }
        for corpus in drawn | passes
    }


def _most(graph: Graph, own: Callable[[Trained], Place]) -> Place:
    """What is read of every corpus along a lineage, by the model that reads most of it."""
    along: dict[str, Place] = {}
    for address in graph.blocks:
        way: list[str] = []
        at: str | None = address
        while at and at not in along:
            way.append(at)
            above = parent(graph.blocks.get(at))
            at = above.address if above else None
        total = along.get(at or "", {})
        for name in reversed(way):
            block = graph.blocks.get(name)
            more = own(block) if isinstance(block, Trained) else {}
            total = along[name] = total | {
                one: total.get(one, Fraction(0)) + part for one, part in more.items()
            }
    most: Place = {}
    for total in along.values():
        most |= {one: max(amount, most.get(one, amount)) for one, amount in total.items()}
    return most


def _passes(stage: Trained, graph: Graph, ledger: Ledger) -> Place:
    """How much of every corpus a stage reads, by the token or by the example."""
    drawn = ledger.own(stage)
    sizes = {corpus: ledger.size(corpus) for corpus in drawn}
    found = {corpus: amount / size for corpus, amount in drawn.items() if (size := sizes[corpus])}
    course, line = graph.derived.course(stage), stage.reads
    if not drawn and isinstance(course, Course) and line and not line.moves and isinstance(line.start, Ref):
        whole = examples(line.start, graph.blocks.get)
        if isinstance(whole, Fraction) and whole and line.start.kind == "corpus":
            found[line.start.address] = sum(one.sequences * one.steps for one in course.stretches) / whole
    return found
