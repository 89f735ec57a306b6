"""The data budget: what every stage draws from every corpus, and what a model's lineage has drawn so far.

Exact: shares are integrated over the steps of each phase.  Rules read it; `lehr explain` may show it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction

from ..graph.blocks.distill import Distill
from ..graph.blocks.prune import Prune
from ..graph.blocks.train import Train
from ..graph.blocks.trained import Trained
from ..graph.lineage import parent
from ..graph.model import Graph
from ..graph.shares import Place, drawn
from ..graph.sizes import tokens
from ..graph.values import Ref

PRETRAINED = (Train, Distill, Prune)
"""Kinds of stage that draw text by the token; the others draw examples."""


ROUNDED = Fraction(101, 100)
"""A stage ends with a whole step, which may go a little past what was asked for."""


def is_pretraining(stage: object) -> bool:
    """Whether a stage reads text by the token; on-policy distillation reads answers, and belongs to post-training."""
    return isinstance(stage, PRETRAINED) and stage.reads is not None


@dataclass(eq=False, slots=True)
class Ledger:
    """Tokens drawn by corpus: `own` of one stage, `along` the lineage that ends in it."""

    graph: Graph
    _own: dict[str, Place] = field(default_factory=dict[str, Place])
    _along: dict[str, Place] = field(default_factory=dict[str, Place])

    def own(self, stage: Trained) -> Place:
        """Tokens that a stage draws from every corpus; nothing where it draws examples or only a run can tell."""
        if stage.address not in self._own:
            course = self.graph.derived.course(stage) if is_pretraining(stage) else None
            self._own[stage.address] = drawn(course, self.graph.blocks.get) if course else {}
        return self._own[stage.address]

    def along(self, address: str) -> Place:
        """Tokens that a model has drawn since its weights were drawn at random."""
        way: list[str] = []
        at: str | None = address
        while at and at not in self._along and at not in way:
            way.append(at)
            block = self.graph.blocks.get(at)
            above = parent(block)
            at = above.address if above else None
        total = dict(self._along.get(at or "", {}))
        for name in reversed(way):
            block = self.graph.blocks.get(name)
            if isinstance(block, Trained):
                for corpus, amount in self.own(block).items():
                    total[corpus] = total.get(corpus, Fraction(0)) + amount
            self._along[name] = dict(total)
        return self._along[address]

    def size(self, corpus: str) -> Fraction | None:
        """Tokens of a corpus, where the spec says."""
        found = tokens(Ref(corpus, ""), self.graph.blocks.get)
        return found if isinstance(found, Fraction) else None
