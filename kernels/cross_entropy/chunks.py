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

STRIPE = 1 << 18
"""Numbers of an unembedding that a CPU widens at once: 1 MB in fp32, which stays in the cache."""

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
    products = Products(unembedding_VD)
    losses_N = hidden_ND.new_zeros(hidden_ND.shape[0], dtype=products.wide)
    by_hidden = torch.zeros_like(hidden_ND) if wants[0] else hidden_ND.new_empty(0)
    sum_VD = _chunks(
        products, hidden_ND, weights_N, rows, losses_N, by_hidden if wants[0] else None, wants[1]
    )
    if not wants[1]:
        return losses_N.sum(), by_hidden, hidden_ND.new_empty(0)
    by_unembedding = torch.zeros_like(unembedding_VD) if sum_VD is None else sum_VD.to(unembedding_VD.dtype)
    return losses_N.sum(), by_hidden, by_unembedding


def _chunks(
    products: Products,
    hidden_ND: Tensor,
    weights_N: Tensor,
    rows: Rows,
    losses_N: Tensor,
    by_hidden_ND: Tensor | None,
    wants_unembedding: bool,
) -> Tensor | None:
    """Fills the losses and the gradient by the hidden states; the sum of that by the unembedding, in wide numbers.

    A function of its own, so that the chunk's logits are gone before that sum is narrowed.
    """
    sum_VD: Tensor | None = None
    for part, z_CV in products.logits(hidden_ND, weights_N):
        losses_N[part], gradient_CV = rows(z_CV, part)
        if by_hidden_ND is not None:
            by_hidden_ND[part] = products.back(gradient_CV).to(by_hidden_ND.dtype)
        if wants_unembedding:
            sum_VD = products.added(sum_VD, gradient_CV, hidden_ND[part])
    return sum_VD


@dataclass(frozen=True, slots=True)
class Products:
    """Products with an unembedding whose sums are fp32 or wider.

    CUDA multiplies bf16 and fp16 into fp32.  A CPU has no such product: there the unembedding is widened, a stripe
    of its rows at a time, and where it is bf16 the CPU may round what it multiplies to bf16 again, which it is
    already but for the gradient of the logits.  Logits rounded to bf16 would spoil the gradient of a divergence by
    2 to 4 %.
    """

    unembedding_VD: Tensor

    @property
    def wide(self) -> torch.dtype:
        return torch.promote_types(self.unembedding_VD.dtype, torch.float32)

    def logits(self, hidden_ND: Tensor, weights_N: Tensor | None = None) -> Iterator[tuple[Part, Tensor]]:
        """Chunks of the tokens that weigh something, and their logits, all in the same memory."""
        vocab = self.unembedding_VD.shape[0]
        chunk = min(chunk_of(hidden_ND.device.type, vocab), hidden_ND.shape[0])
        buffer_CV = hidden_ND.new_empty((chunk, vocab), dtype=self.wide)
        for part, count in _parts(hidden_ND.shape[0], chunk, weights_N):
            yield part, self.made(hidden_ND[part], buffer_CV[:count])

    def made(self, x_CD: Tensor, z_CV: Tensor) -> Tensor:
        """The logits of these hidden states, written to `z_CV`."""
        if self._narrow_on_cuda:
            return torch.mm(x_CD, self.unembedding_VD.T, out_dtype=self.wide, out=z_CV)
        x_CD = x_CD.to(self.wide)
        with self._rounding():
            for rows, stripe_SD in self._stripes():
                torch.mm(x_CD, stripe_SD.T, out=z_CV[:, rows])
        return z_CV

    def back(self, gradient_CV: Tensor) -> Tensor:
        """The gradient by the hidden states [C, D]."""
        if self._narrow_on_cuda:
            return gradient_CV.to(self.unembedding_VD.dtype) @ self.unembedding_VD
        sum_CD = gradient_CV.new_zeros(gradient_CV.shape[0], self.unembedding_VD.shape[1])
        with self._rounding():
            for rows, stripe_SD in self._stripes():
                sum_CD.addmm_(gradient_CV[:, rows], stripe_SD)
        return sum_CD

    def added(self, sum_VD: Tensor | None, gradient_CV: Tensor, x_CD: Tensor) -> Tensor:
        """One more chunk's gradient by the unembedding; the first is written, not added to zeros."""
        if gradient_CV.dtype == self.wide:
            x_CD = x_CD.to(self.wide)
            with self._rounding():
                return gradient_CV.T @ x_CD if sum_VD is None else sum_VD.addmm_(gradient_CV.T, x_CD)
        if sum_VD is None:
            return torch.mm(gradient_CV.T, x_CD, out_dtype=self.wide)
        return torch.addmm(sum_VD, gradient_CV.T, x_CD, out_dtype=self.wide, out=sum_VD)

    @property
    def _narrow_on_cuda(self) -> bool:
        return self.unembedding_VD.is_cuda and self.unembedding_VD.dtype != self.wide

    def _stripes(self) -> Iterator[tuple[slice, Tensor]]:
        """Rows of the unembedding in wide numbers: all of them, where they are already."""
        vocab, width = self.unembedding_VD.shape
        if self.unembedding_VD.dtype == self.wide:
            yield slice(0, vocab), self.unembedding_VD
            return
        room_SD = self.unembedding_VD.new_empty((max(1, STRIPE // width), width), dtype=self.wide)
        for start in range(0, vocab, len(room_SD)):
            rows = slice(start, min(start + len(room_SD), vocab))
            yield rows, room_SD[: rows.stop - start].copy_(self.unembedding_VD[rows])

    @contextmanager
    def _rounding(self) -> Iterator[None]:
        """bf16 that was widened: products of a CPU may multiply in bf16 and add in fp32, 3 times as fast with AMX.

        Where the CPU has no bf16 this changes nothing.  The setting is the whole process's, so it holds for a product
        alone: whoever multiplied fp32 in another thread just then would be rounded as well.
        """
        products: Any = mkldnn.matmul  # pyright: ignore[reportAttributeAccessIssue]
        before = products.fp32_precision
        products.fp32_precision = "bf16" if self.unembedding_VD.dtype == torch.bfloat16 else before
        try:
            yield
        finally:
            products.fp32_precision = before


def _parts(tokens: int, chunk: int, weights_N: Tensor | None) -> Iterator[tuple[Part, int]]:
    """Where some tokens weigh nothing, only the others; a GPU goes through all, for to count them it would wait."""
    kept = None
    if weights_N is not None and weights_N.device.type == "cpu" and not weights_N.all():
        kept = weights_N.nonzero()[:, 0]
        tokens = len(kept)
    for start in range(0, tokens, max(1, chunk)):
        stop = min(start + chunk, tokens)
        yield slice(start, stop) if kept is None else kept[start:stop], stop - start
