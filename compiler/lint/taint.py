"""Where the questions of a bench went: from a corpus through data and models to what is measured."""

from __future__ import annotations

from fnmatch import fnmatch
from typing import Any

from ..graph.blocks.calls import ExactMatch, Files, MultipleChoice
from ..graph.blocks.corpus import Corpus
from ..graph.blocks.curate import Curate, Decontaminate
from ..graph.blocks.rl import Rl
from ..graph.blocks.sample import Sample
from ..graph.blocks.synthesize import Synthesize
from ..graph.model import Graph
from ..graph.schema import Block, references

Way = tuple[str, ...]
"""Addresses from the corpus on, in the order in which the leak went."""

_JUDGES = frozenset(
    {"judge", "by", "keep", "optimizer", "template", "tokenizer", "arch", "to", "contains", "against"}
)
"""Fields through which no text comes into a model."""


class Taint:
    """Benches whose questions reached a block, with the way that they took."""

    def __init__(self, graph: Graph, order: list[str]) -> None:
        self._files = {
            name: found
            for name, found in ((one, questions(block)) for one, block in graph.blocks.items())
            if found
        }
        self._found: dict[str, dict[str, Way]] = {}
        for name in order:
            self._found[name] = self._spread(graph.blocks[name])

    def of(self, address: str) -> dict[str, Way]:
        """By bench, how its questions came here; the shortest way first found."""
        return self._found.get(address, {})

    def _spread(self, block: Block) -> dict[str, Way]:
        if isinstance(block, Corpus):
            said = {ref.address for ref in block.contains}
            read = {bench for bench, file in self._files.items() if _reads(block, file)}
            return dict.fromkeys(said | read, (block.address,))
        clean = _cleaned(block)
        found: dict[str, Way] = {}
        for above in _sources(block):
            for bench, way in self.of(above).items():
                if bench not in clean:
                    found.setdefault(bench, (*way, block.address))
        return found


def _sources(block: Block) -> list[str]:
    """The data and the models that go into a block."""
    if block.kind in ("bench", "eval", "classifier", "tokenizer"):
        return []
    if block.kind == "mix":
        return block.needs()
    aside = _JUDGES
    if isinstance(block, Synthesize):
        aside = aside - {"by"}  # there it is the model that writes
    if isinstance(block, Sample | Rl):
        aside = aside | {"prompts"}
    fields = [name for name in type(block).fields() if name not in aside]
    return [ref.address for name in fields for ref in references(block.value(name))]


def _cleaned(block: Block) -> set[str]:
    if not isinstance(block, Curate):
        return set()
    steps = [step for step in block.steps if isinstance(step, Decontaminate)]
    return {ref.address for step in steps for ref in step.against}


def questions(block: Block) -> str:
    """The file of a bench's questions."""
    suite: Any = getattr(block, "suite", None)
    if isinstance(suite, MultipleChoice):
        return suite.file
    if isinstance(suite, ExactMatch) and isinstance(suite.corpus, str):
        return suite.corpus
    return ""


def _reads(corpus: Corpus, file: str) -> bool:
    return isinstance(corpus.source, Files) and fnmatch(file, corpus.source.pattern)
