"""What a teacher says of every position: computed beside the student, or read where it was written before.

`targets` writes it, `imitation` learns from it; both ask here, so that either way gives the same numbers.

B rows, T positions, N = B * T, E width of the teacher, V vocabulary, K most likely tokens.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from ....compiler.plan.model import Convex, Distribution, Target, TopK
from ....kernels.distill import targets
from ..data.feed import Batch
from ..loss.next_token import rounded
from ..model.decoder import Decoder

Said = tuple[Tensor, ...]
"""Of each position [B, T, …]: the best guess; the k best and their log-probabilities; or the hidden state, of
which the distribution is made."""
_TOKENS = 1 << 14
"""That a teacher reads at once, or one sequence: without a gradient, what it keeps is small."""


class Source(Protocol):
    """Where what a teacher says comes from."""

    @property
    def unembedding(self) -> Tensor:
        """[V, E], which makes a distribution of a hidden state."""
        ...

    @property
    def cap(self) -> float | None: ...

    def says(self, batch: Batch) -> Said: ...


@dataclass(frozen=True, eq=False)
class Teacher:
    """A model that stands still: it is in evaluation mode, and no gradient is made of it."""

    model: Decoder
    target: Target

    def __post_init__(self) -> None:
        self.model.eval().requires_grad_(False)

    @property
    def unembedding(self) -> Tensor:
        return self.model.unembedding

    @property
    def cap(self) -> float | None:
        return self.model.arch.final_cap

    @property
    def vocab(self) -> int:
        return self.model.arch.vocab

    @property
    def bytes(self) -> int:
        return sum(parameter.nbytes for parameter in self.model.parameters())

    @torch.no_grad()
    def says(self, batch: Batch) -> Said:
        rows = max(1, _TOKENS // batch.tokens_BT.shape[1])
        parts = [self._says(part) for part in batch.split(rows)]
        return tuple(torch.cat(column) for column in zip(*parts, strict=True))

    def _says(self, batch: Batch) -> Said:
        hidden_BTE = self.model.hidden(batch.tokens_BT, batch.documents_BT, None)
        hidden_NE, unembedding_VE = rounded(hidden_BTE.flatten(0, 1), self.model.unembedding)
        with torch.autocast(hidden_NE.device.type, enabled=False):  # the kernel chooses its own dtypes
            said = _read(self.target, hidden_NE, unembedding_VE, self.cap)
        return tuple(one.unflatten(0, batch.tokens_BT.shape) for one in said)


def _read(target: Target, hidden_NE: Tensor, unembedding_VE: Tensor, cap: float | None) -> Said:
    match target:
        case Convex():
            return (targets.guesses(hidden_NE, unembedding_VE),)
        case TopK(k=k, temperature=temperature):
            return targets.top_k(hidden_NE, unembedding_VE, k, temperature=temperature, cap=cap)
        case Distribution():
            return (hidden_NE,)
