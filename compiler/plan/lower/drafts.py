"""Steps before their inputs have fingerprints, and what lowering keeps asking the graph."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from ...graph.model import Graph
from ...graph.schema import Block
from ...text import Span
from .. import model

B = TypeVar("B", bound=Block)


def origin(span: Span) -> model.Origin:
    return model.Origin(path=span.source.path, line=span.line, column=span.column)


@dataclass(frozen=True, slots=True)
class Draft:
    """A step in the making.  Of two that could run, the one of the lower rank goes first."""

    work: model.AnyWork
    inputs: dict[str, str]
    block: Block
    rank: tuple[int, ...]
    checkpoint: model.Checkpoint | None = None
    moves: tuple[model.Move, ...] = ()


@dataclass
class Drafts:
    """The steps drafted so far, by address."""

    graph: Graph
    editions: Mapping[str, int]
    found: dict[str, Draft] = field(default_factory=dict[str, Draft])

    def __post_init__(self) -> None:
        self._places = {address: place for place, address in enumerate(self.graph.blocks)}

    def add(
        self,
        address: str,
        block: Block,
        work: model.AnyWork,
        inputs: Mapping[str, str] | None = None,
        checkpoint: model.Checkpoint | None = None,
        after: str | None = None,
        moves: tuple[model.Move, ...] = (),
    ) -> str:
        """Draft a step unless it is there, to run where the text has its block, or once `after` is done."""
        if address not in self.found:
            place = self._places[block.address]
            rank = (self._places.get(after or block.address, place), int(after is not None), place)
            edition = self.editions.get(work.kind, 1)
            work = work.model_copy(update={"edition": edition})
            self.found[address] = Draft(work, dict(inputs or {}), block, rank, checkpoint, moves)
        return address

    def place(self, address: str) -> int:
        """Where the text has a block; before all others, where it has none of that name."""
        return self._places.get(address, -1)

    def block(self, address: str, kind: type[B]) -> B:
        found = self.graph.blocks[address]
        assert isinstance(found, kind)
        return found

    def rng(self, own: int | None) -> int:
        return self.graph.pipeline.rng if own is None else own
