"""What rules may ask of a spec: courses, shapes, who uses what, what was drawn and what leaked.

One `Spec` stands for one view.  Answers are worked out once and shared by all rules.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import fields
from functools import cache, cached_property
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any, TypeVar, cast

from ..front import ast
from ..graph.blocks.arch import Arch
from ..graph.blocks.eval import Eval
from ..graph.blocks.load import Load
from ..graph.blocks.merge import Merge
from ..graph.blocks.tokenizer import Tokenizer
from ..graph.blocks.trained import Trained
from ..graph.claims import Verdict
from ..graph.counts import Shape, head_dim, kv_heads, shape
from ..graph.lineage import Model, parent
from ..graph.model import Graph
from ..graph.names import Scope
from ..graph.phases import Course
from ..graph.schema import MODELS, TRAINED, Block, references
from ..graph.values import Pick, Ref, scores
from ..graph.views import View
from ..text import Span
from .config import Lint
from .ledger import Ledger
from .metadata import Folder

B = TypeVar("B", bound=Block)
LEARNT = (*TRAINED, "reward", "load")
"""Block kinds after which a model knows something."""
_TURN = re.compile(r"^(.*?)\[(\d+)\]\.")


class Spec:
    """One view of a spec, as rules see it.  `limits` are the thresholds of the configuration."""

    def __init__(self, view: View, graph: Graph, root: Scope, limits: Lint, folder: Path) -> None:
        self.view, self.graph, self.root, self.limits, self.folder = view, graph, root, limits, folder
        self.ledger = Ledger(graph)
        self.subjects: dict[type, list[Any]] = {}

    # ---- blocks --------------------------------------------------------------------

    def get(self, ref: Ref | str | None, kind: type[B] = Block) -> B | None:
        """The block of a reference or an address, where it is of that kind."""
        address = ref.address if isinstance(ref, Ref) else ref
        found = self.graph.blocks.get(address) if address else None
        return found if isinstance(found, kind) else None

    def own(self) -> Iterator[Block]:
        """The blocks that the spec itself writes; not those of its imports."""
        source = self.root.head.source if self.root.head else None
        return (one for one in self.graph.blocks.values() if one.header.source is source)

    @cached_property
    def order(self) -> list[str]:
        """Addresses, those that are needed first."""
        return [
            name
            for name in TopologicalSorter(
                {name: block.needs() for name, block in self.graph.blocks.items()}
            ).static_order()
            if name in self.graph.blocks
        ]

    @cached_property
    def users(self) -> dict[str, list[str]]:
        """Who reads a block: other blocks, and claims that a run measures."""
        found: dict[str, list[str]] = {}
        for name, block in self.graph.blocks.items():
            for needed in block.needs():
                found.setdefault(needed, []).append(name)
        for claim in self.view.claims:
            if claim.verdict is Verdict.AT_RUN_TIME:
                for score in scores(*claim.sides):
                    for ref in (score.model, score.bench):
                        if ref:
                            found.setdefault(ref.address, []).append("expect")
        return found

    @cached_property
    def in_profiles(self) -> frozenset[str]:
        """Names that the spec's profiles mention; what only a rehearsal reads is read."""
        bodies = self.root.names.profiles.values()
        return frozenset(name for block in bodies for name in names_in(block.body))

    @cached_property
    def in_claims(self) -> frozenset[str]:
        """Names that the spec's claims mention."""
        return frozenset(name for claim in self.root.names.claims for name in names_in(claim))

    # ---- models --------------------------------------------------------------------

    def course(self, stage: Trained) -> Course | None:
        return self.graph.derived.course(stage)

    def shape(self, model: Model | None) -> Shape | None:
        """The shape of a model: of its arch, or of the folder that it was loaded from."""
        if model is None:
            return None
        arch = self.graph.derived.lineage.arch(model)
        if arch is not None:
            return shape(arch) if holds_together(arch) else None
        root = self.graph.derived.lineage.root(model)
        return self.loaded(root).shape if isinstance(root, Load) else None

    def loaded(self, load: Load) -> Folder:
        """The folder of a `load`, as far as it is there."""
        return Folder.at(self.folder, load.path)

    def tokenizer(self, model: Model | None) -> Tokenizer | None:
        return self.graph.derived.lineage.tokenizer(model) if model is not None else None

    def context(self, model: Model | None) -> int | None:
        """The context that a model was trained at last."""
        line = self.graph.derived.lineage.context(model) if model is not None else None
        value = getattr(line.start, "value", None) if line else None
        return int(value) if value is not None else None

    def parent(self, block: Block) -> Block | None:
        """The block whose model this one began as."""
        return self.get(parent(block))

    def forebears(self, model: Model) -> Iterator[Block | None]:
        """Every block whose weights went into a model, itself first, through merges too; None is one not built."""
        seen: set[str] = set()
        ahead = [ref.address for ref in references(model)]
        while ahead:
            at = ahead.pop()
            if at not in seen:
                seen.add(at)
                block = self.graph.blocks.get(at)
                yield block
                ahead += _origins(block) if block else []

    def descends(self, model: Ref, ancestor: Ref) -> bool:
        """Whether a model's weights come from another one's; from its own they do."""
        return any(one is not None and one.address == ancestor.address for one in self.forebears(model))

    def is_taught(self, model: Model | None) -> bool:
        """Whether anything in a model has been trained, or loaded; what was not built may have been."""
        return model is None or any(one is None or one.kind in LEARNT for one in self.forebears(model))

    # ---- measurements ----------------------------------------------------------------

    @cached_property
    def measured(self) -> list[tuple[Ref, Ref, Span, str]]:
        """Every (model, bench) that the spec measures, where it says so, and in which stage."""
        found: list[tuple[Ref, Ref, Span, str]] = []
        for block in self.graph.blocks.values():
            if isinstance(block, Eval):
                models = [ref for one in block.of for ref in references(one)]
                found += [(m, b, block.span("benches"), block.address) for m in models for b in block.benches]
            for gate in block.gates:
                for score in scores(gate.left, gate.right):
                    found.append((score.model or block.ref, score.bench, gate.span, block.address))
        for claim in self.view.claims:
            if claim.verdict is Verdict.AT_RUN_TIME:
                asked = scores(*claim.sides)
                found += [(one.model, one.bench, claim.node.claim.span, "") for one in asked if one.model]
        return found

    # ---- loops ------------------------------------------------------------------------

    def turn(self, address: str) -> tuple[str, int] | None:
        """The `repeat` around a block and the number of its turn, from 1."""
        found = _TURN.match(address)
        if not found:
            return None
        statement = self.root.names.named.get(found[1])
        return (found[1], int(found[2])) if isinstance(statement, ast.Repeat) else None


def _origins(block: Block) -> list[str]:
    """The models whose weights a block's own came from."""
    if isinstance(block, Merge):
        models: tuple[Any, ...] = block.of
    elif isinstance(block, Trained) or block.kind == "upcycle":
        models = (getattr(block, "origin", None),)
    else:
        models = ()
    return [ref.address for model in models for ref in references(model)]


def holds_together(arch: Arch) -> bool:
    """Whether the heads of a shape divide; where they do not, that has been said, and other sizes mean nothing."""
    has_heads = arch.head_dim is not None or arch.width % arch.heads == 0
    return has_heads and arch.heads % kv_heads(arch) == 0 and head_dim(arch) % 2 == 0


def models_of(block: Block) -> list[tuple[str, Ref | Pick]]:
    """Every model that a block takes, with the field that names it."""
    found: list[tuple[str, Ref | Pick]] = []
    for name, (_, holds) in type(block).fields().items():
        if not set(holds.refers) & set(MODELS):
            continue
        value: Any = block.value(name)
        items = cast("tuple[Any, ...]", value) if isinstance(value, tuple) else (value,)
        found += [(name, one) for one in items if isinstance(one, Ref | Pick)]
    return found


def names_in(node: Any) -> Iterator[str]:
    """Every name written in a piece of the tree, the first word of a path too."""
    return (one.text for one in walk(node) if isinstance(one, ast.Name))


def walk(node: Any) -> Iterator[ast.Node]:
    """A piece of the tree and everything inside it, in the order of the text."""
    waiting: list[Any] = [node]
    while waiting:
        one = waiting.pop()
        kind = one.__class__
        if kind is tuple:
            waiting += one[::-1]
        elif (inner := _inner(kind)) is not None:
            yield one
            for name in inner:
                waiting.append(getattr(one, name))


_PLAIN = ("str", "bool", "Fraction", "Span", "Span | None")


@cache
def _inner(kind: type[Any]) -> tuple[str, ...] | None:
    """The fields of a kind of node that may hold other nodes, the last one first; None for what is no node."""
    if not issubclass(kind, ast.Node):
        return None
    return tuple(one.name for one in reversed(fields(kind)) if one.type not in _PLAIN)
