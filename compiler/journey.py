"""The passes from text to a checked graph, in order.  Start reading here.

    text ─► tree ─► settings ─► names ─► blocks ─► graph ─► shapes ─► schedules ─► diets ─► claims

Each pass takes the journey so far and adds to it; what is wrong becomes a
letter, what failed becomes a hole that later passes skip.  None raises at a user.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from .diagnostics.diagnostic import Diagnostic, Severity, in_order
from .front import ast, load, parse
from .graph.blocks.arch import Arch
from .graph.blocks.init import Init
from .graph.blocks.mix import Mix
from .graph.blocks.pipeline import Pipeline
from .graph.blocks.tokenizer import Tokenizer
from .graph.blocks.train import Train
from .graph.build import Builder
from .graph.claims import judge
from .graph.letters import letter
from .graph.model import Graph, cycles
from .graph.names import Scope, declare
from .graph.override import override
from .graph.shapes import audit_arch, audit_folders, audit_tokenizer, audit_vocab
from .graph.shares import audit
from .text import Source, Span


@dataclass
class Journey:
    """A spec on its way: what has been made of it, and what was found wrong."""

    path: str
    settings: tuple[str, ...] = ()
    letters: list[Diagnostic] = field(default_factory=list[Diagnostic])
    source: Source | None = None
    file: ast.File | None = None
    scope: Scope | None = None
    builder: Builder | None = None
    graph: Graph | None = None
    claims: int = 0

    @property
    def sound(self) -> bool:
        return not any(found.severity is Severity.ERROR for found in self.letters)


def read(path: str) -> tuple[ast.File | None, list[Diagnostic]]:
    """A spec's tree.  Raises OSError where the file cannot be read."""
    source, letters = load(path)
    if source is None:
        return None, letters
    file, found = parse(source)
    return file, letters + found


def text_to_tree(journey: Journey) -> None:
    journey.source, letters = load(journey.path)
    journey.letters += letters
    if journey.source:
        journey.file, found = parse(journey.source)
        journey.letters += found


def tree_to_settings(journey: Journey) -> None:
    if journey.file and journey.settings:
        journey.file, letters = override(journey.file, journey.settings)
        journey.letters += letters


def settings_to_names(journey: Journey) -> None:
    if journey.file:
        journey.scope, letters = declare(journey.file, journey.path, _imported)
        journey.letters += letters


def names_to_blocks(journey: Journey) -> None:
    if journey.scope is None:
        return
    is_torn = any(found.code.startswith("SYN") for found in journey.letters)
    journey.builder = Builder(journey.scope, journey.letters, is_torn)
    _build_all(journey.scope, journey.builder)


def blocks_to_graph(journey: Journey) -> None:
    if journey.builder is None:
        return
    blocks = {name: block for name, block in journey.builder.blocks.items() if block is not None}
    rings = cycles(blocks)
    journey.letters += rings
    pipelines = [block for block in blocks.values() if isinstance(block, Pipeline)]
    written = (
        [s for s in journey.file.body if isinstance(s, ast.Block) and s.kind.text == "pipeline"]
        if journey.file
        else []
    )
    if len(written) != 1 and journey.source:
        span = written[1].kind.span if written else Span(journey.source, 0, 0)
        headline = "a spec has one `pipeline` block" + ("" if written else ", and this has none")
        help = () if written else ("name the recipe: `pipeline my_recipe {}`",)
        journey.letters.append(letter("LIN107", headline, span, help=help))
    if pipelines and not rings:
        order = {name: index for index, name in enumerate(journey.scope.names)} if journey.scope else {}
        ordered = sorted(blocks.items(), key=lambda item: order.get(item[0], len(order)))
        journey.graph = Graph(pipelines[0], dict(ordered), journey.builder.derived)


def shapes(journey: Journey) -> None:
    if journey.graph:
        journey.letters += audit_folders(journey.graph.pipeline)
        for tokenizer in journey.graph.of(Tokenizer):
            journey.letters += audit_tokenizer(tokenizer)
        for arch in journey.graph.of(Arch):
            journey.letters += audit_arch(arch)
        for init in journey.graph.of(Init):
            journey.letters += audit_vocab(init, journey.graph)


def schedules(journey: Journey) -> None:
    if journey.graph:
        for stage in journey.graph.of(Train):
            journey.letters += journey.graph.derived.audit_curves(stage)


def diets(journey: Journey) -> None:
    if journey.graph:
        for mix in journey.graph.of(Mix):
            journey.letters += audit(mix, journey.graph.blocks)


def claims(journey: Journey) -> None:
    if journey.scope is None or journey.builder is None:
        return
    for claim in journey.scope.claims:
        found = judge(claim, journey.scope, journey.builder)
        journey.claims += found is None
        if found:
            journey.letters.append(found)


PASSES: tuple[Callable[[Journey], None], ...] = (
    text_to_tree,
    tree_to_settings,
    settings_to_names,
    names_to_blocks,
    blocks_to_graph,
    shapes,
    schedules,
    diets,
    claims,
)


def travel(path: str, settings: tuple[str, ...] = ()) -> Journey:
    """All passes over one spec.  Raises OSError where its file cannot be read, and nothing else."""
    journey = Journey(path, settings)
    for step in PASSES:
        step(journey)
    journey.letters = in_order(journey.letters)
    return journey


def _imported(path: str) -> tuple[ast.File | None, list[Diagnostic]]:
    try:
        return read(path)
    except OSError:
        return None, []


def _build_all(scope: Scope, builder: Builder) -> None:
    for name, declared in scope.names.items():
        if isinstance(declared.statement, ast.Block):
            builder.block(scope.prefix + name)
        elif isinstance(declared.statement, ast.Let | ast.Param):
            builder.look_up(declared.name, scope)
    for child in scope.imports.values():
        _build_all(child, builder)
