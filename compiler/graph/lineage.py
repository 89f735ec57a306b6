"""Where a model comes from, and what it has inherited: arch, tokenizer, context, RoPE base.

Each answer is worked out once per model, walking up and not by recursion, so a
chain of ten thousand stages costs ten thousand steps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any, TypeVar

from ..units import Quantity
from .blocks.arch import Arch
from .blocks.init import Init
from .blocks.load import Load
from .blocks.merge import Merge
from .blocks.prune import Prune
from .blocks.tokenizer import Tokenizer
from .blocks.trained import Trained
from .blocks.upcycle import Upcycle
from .schema import Block
from .values import Pick, Ref, Timeline

B = TypeVar("B", bound=Block)
Model = Ref | Pick


def ref_of(model: Model) -> Ref | None:
    """One model that stands for a choice of several; they all have one shape."""
    while isinstance(model, Pick):
        model = model.of[0]
    return model


def parent(block: Block | None) -> Ref | None:
    """The model that a block's own began as."""
    match block:
        case Trained() | Upcycle():
            return ref_of(block.origin)
        case Merge():
            return ref_of(block.of[0])
        case _:
            return None


class Lineage:
    """Lineages of the models whose blocks `get` finds by address."""

    def __init__(self, get: Callable[[str], Block | None]) -> None:
        self._get = get
        self._known: dict[tuple[str, str], Any] = {}

    def of(self, model: Model) -> Iterator[Block]:
        """The model's block, and those that it came from, newest first; a cycle ends it."""
        seen: set[str] = set()
        at = ref_of(model)
        while at and at.address not in seen:
            seen.add(at.address)
            block = self._get(at.address)
            if block is None:
                return
            yield block
            at = parent(block)

    def arch(self, model: Model) -> Arch | None:
        found = self._first("arch", model, _arch)
        return self._block(found, Arch) if found else None

    def tokenizer(self, model: Model) -> Tokenizer | None:
        found = self._first("tokenizer", model, lambda block: getattr(block, "tokenizer", None))
        return self._block(found, Tokenizer) if found else None

    def root(self, model: Model) -> Block | None:
        """The `init` or `load` at the beginning."""
        return self._first("root", model, lambda block: block if isinstance(block, Init | Load) else None)

    def context(self, model: Model) -> Timeline | None:
        """The context that a model was trained at last."""
        return self._first("context", model, lambda block: _last(block, "context"))

    def rope(self, model: Model) -> Timeline | None:
        """The RoPE base that a model was trained with last."""
        return self._first("rope", model, self._rope)

    def _rope(self, block: Block) -> Timeline | None:
        own = _last(block, "rope")
        if own is not None or isinstance(block, Trained):
            return own
        ref = _arch(block)
        arch = self._block(ref, Arch) if ref else None
        return Timeline(Quantity(Fraction(arch.rope)), (), arch.span("rope")) if arch else None

    def _first(self, what: str, model: Model, of: Callable[[Block], Any]) -> Any:
        """The first answer along the lineage, remembered for everyone on the way."""
        way: list[str] = []
        answer: Any = None
        for block in self.of(model):
            key = (what, block.address)
            if key in self._known:
                answer = self._known[key]
                break
            way.append(block.address)
            answer = of(block)
            if answer is not None:
                break
        self._known |= {(what, address): answer for address in way}
        return answer

    def _block(self, ref: Ref, kind: type[B]) -> B | None:
        found = self._get(ref.address)
        return found if isinstance(found, kind) else None


def _arch(block: Block) -> Ref | None:
    return block.to if isinstance(block, Prune | Upcycle) else getattr(block, "arch", None)


def _last(block: Block, field: str) -> Timeline | None:
    line = getattr(block, field, None) if isinstance(block, Trained) else None
    return Timeline(line.values[-1][0], (), line.values[-1][1]) if isinstance(line, Timeline) else None
