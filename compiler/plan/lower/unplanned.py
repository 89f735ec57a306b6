"""What a plan cannot hold, said before one is made."""

from __future__ import annotations

from ...diagnostics.diagnostic import Diagnostic
from ...graph.blocks.trained import Trained
from ...graph.letters import letter
from ...graph.model import Graph
from ...graph.values import Fact
from .course import why_not_open


def unplanned(graph: Graph) -> list[Diagnostic]:
    """A letter for each stage whose length only a run can tell and whose shapes or gates depend on it."""
    found: list[Diagnostic] = []
    for stage in graph.of(Trained):
        length = graph.derived.length_of(stage)
        name = why_not_open(stage, graph) if isinstance(length, Fact) else ""
        if name:
            headline = (
                f"how long `{stage.address}` is only a run can tell, and its `{name}` changes on the way"
            )
            help = ("give it a length in `steps` or `tokens`, or points in percent and one shape",)
            found.append(letter("NAM108", headline, stage.span(name), help=help, stage=stage.address))
    return found
