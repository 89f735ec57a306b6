"""What this version cannot plan yet, said by name before anything starts.

The language is checked whole; stages that have no runner are refused here, and
nowhere later.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..diagnostics.diagnostic import Diagnostic
from ..graph.blocks.arch import Arch
from ..graph.blocks.bench import Bench
from ..graph.blocks.calls import Builtin, ExactMatch, Perplexity
from ..graph.blocks.corpus import Corpus
from ..graph.blocks.eval import Eval
from ..graph.blocks.init import Init
from ..graph.blocks.release import Release
from ..graph.blocks.tokenizer import Tokenizer
from ..graph.blocks.train import Train
from ..graph.letters import letter
from ..graph.lineage import Lineage
from ..graph.model import Graph
from ..graph.schema import Block, Schema
from ..graph.values import Ref
from ..text import Span

_NEVER_STEPS = (
    "pipeline",
    "mix",
    "arch",
    "optimizer",
    "bench",
    "cluster",
    "template",
    "prompts",
    "preferences",
)
_PLANNED = (Corpus, Tokenizer, Init, Train, Eval, Release)


def unbuilt(graph: Graph) -> list[Diagnostic]:
    """A letter for everything that a run would need and this version does not have."""
    return [found for block in _needed(graph) for found in _faults(block, graph)]


def _needed(graph: Graph) -> Iterator[Block]:
    """Stages, and whatever they lead to; resources that nothing names cost nothing."""
    todo = [
        name
        for name, block in graph.blocks.items()
        if block.kind not in (*_NEVER_STEPS, "corpus", "tokenizer")
    ]
    seen: set[str] = set()
    while todo:
        name = todo.pop(0)
        if name in seen or name not in graph.blocks:
            continue
        seen.add(name)
        yield graph.blocks[name]
        todo += graph.blocks[name].needs()


def _faults(block: Block, graph: Graph) -> Iterator[Diagnostic]:
    if block.kind not in _NEVER_STEPS and not isinstance(block, _PLANNED):
        yield _later(f"`{block.kind}`", block.header)
    match block:
        case Corpus(source=source) if not isinstance(source, Builtin):
            what = f"`{block.address}` has no source" if source is None else f"`{block.address}`: this source"
            yield _later(what, block.span("source"), "a run reads `builtin(…)`")
        case Tokenizer(source=source) if source:
            yield _later("a ready tokenizer", block.span("source"))
        case Arch():
            yield from _unlike_default(
                block, "rope_scaling", "activation", "qkv_bias", "qk_norm", "norms", "norm_offset",
                "embed_scale", "query_scale", "window", "softcap", "experts",
            )  # fmt: skip
        case Train():
            yield from _unlike_default(block, "z_loss", "parallel")
            if not isinstance(block.origin, Ref) or graph.derived.course(block) is None:
                yield _later("a stage whose start or length only a run can tell", block.header)
        case Eval(of=models):
            lineage = Lineage(graph.blocks.get)
            if any(not isinstance(one, Ref) or lineage.tokenizer(one) is None for one in models):
                yield _later("this measurement", block.span("of"))
        case Bench(suite=suite):
            if not isinstance(suite, Perplexity | ExactMatch) or not isinstance(suite.corpus, Ref):
                yield _later("this suite", block.span("suite"))
        case Release(format=form, model=made):
            if form != "safetensors" or not isinstance(made, Ref):
                yield _later("this release", block.span("format"))
        case _:
            pass


def _unlike_default(schema: Schema, *fields: str) -> Iterator[Diagnostic]:
    for name in fields:
        if getattr(schema, name) != type(schema).model_fields[name].default:
            yield _later(f"`{name}`", schema.span(name))


def _later(what: str, span: Span, help: str = "") -> Diagnostic:
    notes = ("it is part of the language and is checked; a later version runs it",)
    headline = f"this version of Lehr does not run {what} yet"
    return letter("NAM108", headline, span, notes=notes, help=(help,) if help else ())
