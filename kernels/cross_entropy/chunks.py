"""The last layer, a chunk of tokens at a time: logits, what a row function makes of them, two products.

Every loss of an unembedding has the same frame.  A chunk's logits are made in fp32 or wider, a
row function turns them into losses and into the loss's gradient by the logits, and two
products carry that gradient to the hidden states and, added up in fp32, to the unembedding.
So no more than a chunk of the logits is ever there, and nothing is worked out twice.

N tokens, C tokens of a chunk, D width, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.backends import mkldnn

from .choice import chunk_of

Part = slice | Tensor
"""Which tokens: a stretch, or the indices of those that count."""
Rows = Callable[[Tensor, Part], tuple[Tensor, Tensor]]
"""Logits of some tokens -> loss of each [C], gradient by the logits [C, V].

The logits are scratch, and the gradient may be the same memory.  Nobody looks at a gradient that is not wanted.
"""


def swept(
    hidden_ND: Tensor, unembedding_VD: Tensor, weights_N: Tensor, rows: Rows, wants: tuple[bool, bool]
) -> tuple[Tensor, Tensor, Tensor]:
    """The sum of the losses, and its gradients by the hidden states and the unembedding, empty where not wanted."""
    products = Products.of(unembedding_VD)
    losses_N = hidden_ND.new_zeros(hidden_ND.shape[0], dtype=products.wide)
    by_hidden = torch.zeros_like(hidden_ND) if wants[0] else hidden_ND.new_empty(0)
    by_unembedding: Tensor | None = None
    for part, z_CV in products.logits(hidden_ND, weights_N):
        losses_N[part], gradient_CV = rows(z_CV, part)
        if wants[0]:
            by_hidden[part] = products.back(gradient_CV).to(by_hidden.dtype)
        if wants[1]:
            by_unembedding = products.added(by_unembedding, gradient_CV, hidden_ND[part])
    if not wants[1]:
        by_unembedding = hidden_ND.new_empty(0)
    elif by_unembedding is None:
        by_unembedding = torch.zeros_like(unembedding_VD)
    return losses_N.sum(), by_hidden, by_unembedding.to(unembedding_VD.dtype)


@dataclass(frozen=True, slots=True)
class Products:
    """Products with an unembedding whose sums are fp32 or wider.

    CUDA multiplies bf16 and fp16 into fp32.  A CPU has no such product: there the unembedding is widened once,
    and where it was bf16 the CPU may round what it multiplies to bf16 again, which it already is but for the
    gradient of the logits.  Logits rounded to bf16 would spoil the gradient of a divergence by 2 to 4 %.
    """

    unembedding_VD: Tensor
    wide: torch.dtype
    rounds: bool
    """Whether a CPU multiplies in bf16: 1.5 to 2.5 times as fast with AVX-512, 3 times with AMX."""

    @classmethod
    def of(cls, unembedding_VD: Tensor) -> Products:
        wide = torch.promote_types(unembedding_VD.dtype, torch.float32)
        if unembedding_VD.is_cuda:
            return cls(unembedding_VD, wide, False)
        return cls(unembedding_VD.to(wide), wide, unembedding_VD.dtype == torch.bfloat16)

    def logits(self, hidden_ND: Tensor, weights_N: Tensor | None = None) -> Iterator[tuple[Part, Tensor]]:
        """Chunks of the tokens that weigh something, and their logits, all in the same memory."""
        vocab = self.unembedding_VD.shape[0]
        chunk = min(chunk_of(hidden_ND.device.type, vocab), hidden_ND.shape[0])
        buffer_CV = hidden_ND.new_empty((chunk, vocab), dtype=self.wide)
        for part, count in _parts(hidden_ND.shape[0], chunk, weights_N):
            yield part, self.made(hidden_ND[part], buffer_CV[:count])

    def made(self, x_CD: Tensor, z_CV: Tensor) -> Tensor:
        """The logits of these hidden states, written to `z_CV`."""
        if x_CD.dtype == self.unembedding_VD.dtype != self.wide:
            return torch.mm(x_CD, self.unembedding_VD.T, out_dtype=self.wide, out=z_CV)
        with _rounding(self.rounds):
            return torch.mm(x_CD.to(self.wide), self.unembedding_VD.T, out=z_CV)

    def back(self, gradient_CV: Tensor) -> Tensor:
        """The gradient by the hidden states [C, D]."""
        with _rounding(self.rounds):
            return gradient_CV.to(self.unembedding_VD.dtype) @ self.unembedding_VD

    def added(self, sum_VD: Tensor | None, gradient_CV: Tensor, x_CD: Tensor) -> Tensor:
        """One more chunk's gradient by the unembedding; the first is written, not added to zeros."""
        if gradient_CV.dtype == self.wide:
            x_CD = x_CD.to(self.wide)
            with _rounding(self.rounds):
                return gradient_CV.T @ x_CD if sum_VD is None else sum_VD.addmm_(gradient_CV.T, x_CD)
        if sum_VD is None:
            return torch.mm(gradient_CV.T, x_CD, out_dtype=self.wide)
        return torch.addmm(sum_VD, gradient_CV.T, x_CD, out_dtype=self.wide, out=sum_VD)


def _parts(tokens: int, chunk: int, weights_N: Tensor | None) -> Iterator[tuple[Part, int]]:
    """Where some tokens weigh nothing, only the others; a GPU goes through all, for to count them it would wait."""
    kept = None
    if weights_N is not None and weights_N.device.type == "cpu" and not weights_N.all():
        kept = weights_N.nonzero()[:, 0]
        tokens = len(kept)
    for start in range(0, tokens, max(1, chunk)):
        stop = min(start + chunk, tokens)
        yield slice(start, stop) if kept is None else kept[start:stop], stop - start


@contextmanager
def _rounding(rounds: bool) -> Iterator[None]:
    """A CPU's fp32 products may multiply in bf16 and still add in fp32; where it has no bf16 this changes nothing."""
    products: Any = mkldnn.matmul  # pyright: ignore[reportAttributeAccessIssue]
    before = products.fp32_precision
    products.fp32_precision = "bf16" if rounds else before
    try:
        yield
    finally:
        products.fp32_precision = before
