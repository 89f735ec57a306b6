"""A spec and what it was before: what rules about breaking changes are handed.

Their categories say what a change breaks, from strict to lax; each holds those after it:

    SPEC      what others write: params that scripts set
    PLAN      what steps are called, by scripts, ledgers and saved plans
    WEIGHTS   what stages train: budgets, diets, rates
    RELEASE   what others load: which models, their shape, their tokenizer
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ..graph.blocks.release import Release
from ..graph.blocks.trained import Trained
from ..graph.same import plain
from ..graph.schema import Block, Schema
from .spec import Spec

CATEGORIES = ("SPEC", "PLAN", "WEIGHTS", "RELEASE")


def holds(category: str, other: str) -> bool:
    """Whether what breaks the one, other, is among what the first keeps."""
    return CATEGORIES.index(category) <= CATEGORIES.index(other)


@dataclass(frozen=True, slots=True)
class Pair:
    """Two readings of one spec; `names` are what blocks are called now, by what they were called."""

    before: Spec
    after: Spec
    names: Mapping[str, str]

    def now(self, block: Block) -> Block | None:
        """What became of a block."""
        return self.after.get(self.names.get(block.address, block.address), type(block))

    def stages(self) -> Iterator[tuple[Trained, Trained]]:
        """Every stage that trains, as it was and as it is."""
        for old in self.before.graph.of(Trained):
            new = self.now(old)
            if isinstance(new, Trained):
                yield old, new

    def releases(self) -> Iterator[tuple[Release, Release]]:
        """Every release that is still called the same."""
        for old in self.before.graph.of(Release):
            new = self.after.get(old.address, Release)
            if new is not None:
                yield old, new

    def differ(self, old: Schema, new: Schema) -> list[str]:
        """The fields that came to other values."""
        return [
            name
            for name in type(new).fields()
            if plain(old.value(name), self.names) != plain(new.value(name))
        ]
