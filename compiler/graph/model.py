"""The graph: every block of a spec evaluated, with what follows from them.

Comes out of `build`; the plan is lowered from it.
"""

from __future__ import annotations

from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import TypeVar

from ..diagnostics.diagnostic import Diagnostic, Label
from .blocks.pipeline import Pipeline
from .derive import Derived
from .letters import letter
from .loops import Unrolled
from .schema import Block

B = TypeVar("B", bound=Block)


@dataclass(frozen=True, slots=True)
class Graph:
    """Blocks by address, in the order of the text; the references between them are the graph.

    `loops` are those that the blocks of `name[1].…`, `name[2].…` were unrolled from.
    """

    pipeline: Pipeline
    blocks: dict[str, Block]
    derived: Derived
    loops: dict[str, Unrolled]

    def of(self, kind: type[B]) -> list[B]:
        return [block for block in self.blocks.values() if isinstance(block, kind)]


def cycles(blocks: dict[str, Block]) -> list[Diagnostic]:
    """A letter for each ring of blocks that wait for each other."""
    sorter = TopologicalSorter({name: block.needs() for name, block in blocks.items()})
    try:
        sorter.prepare()
    except CycleError as error:
        ring: list[str] = list(reversed(error.args[1]))
        rest = tuple(Label(blocks[name].header) for name in ring[1:-1] if name in blocks)
        headline = f"`{ring[0]}` waits for itself"
        return [letter("LIN101", headline, blocks[ring[0]].header, also=rest, notes=(" → ".join(ring),))]
    return []
