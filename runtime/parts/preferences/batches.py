"""Answers that are compared, as a model reads them, and batches of them.

An `Example` holds the answers to one prompt, the best first, each as a whole conversation; what they are compared by is
beside them.  A row of a batch holds all answers of an example, one document after the other.

B rows, T positions, A answers of a row, N tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from ..data.feed import IGNORED, Batch

NONE = -1
"""The answer that padding belongs to, and whatever an example does not say."""


@dataclass(frozen=True, eq=False, slots=True)
class Answer:
    """A conversation that ends with an answer: its ids, and of each whether an answer's loss is on it.

    `compared` are those without the tokens of the template that a comparison leaves out.
    """

    ids: Tensor
    learnt: Tensor
    compared: Tensor

    def after(self, first: int) -> Answer:
        """Its prompt begins so many tokens later."""
        return Answer(self.ids[first:], self.learnt[first:], self.compared[first:])


@dataclass(frozen=True, eq=False, slots=True)
class Example:
    """Answers to one prompt, the best first."""

    id: str
    answers: tuple[Answer, ...]
    level: int = NONE
    """How strong the preference is, 1 the strongest."""
    grades: tuple[tuple[int, ...], ...] = ()
    """Of every answer its grades, in the order of what is graded."""

    @property
    def tokens(self) -> int:
        return sum(len(answer.ids) for answer in self.answers)


@dataclass(frozen=True, eq=False)
class Compared(Batch):
    """A row is an example.  `beside` begins with the answer [B, T] that each position is of, whether it is compared
    [B, T], and the losses that a row has [B]; what follows is a loss's own."""

    widest: int = field(default=0, kw_only=True)
    """Tokens of the longest row of the stage."""

    @property
    def answers_BT(self) -> Tensor:
        return self.beside[0]

    @property
    def compared_BT(self) -> Tensor:
        return self.beside[1]

    @property
    def own(self) -> tuple[Tensor, ...]:
        return self.beside[3:]

    @property
    def terms(self) -> Tensor:
        return self.beside[2].sum()

    def fullest(self) -> Compared:
        """The first row, its last answer as much longer as the longest row is."""
        first = next(self.split(1))
        missing = self.widest - int((first.answers_BT != NONE).sum())
        if missing <= 0:
            return first
        kept_T = first.answers_BT[0] != NONE
        at_T = torch.cat((kept_T.nonzero()[:, 0], kept_T.nonzero()[-1:, 0].expand(missing)))
        wide = [tensor[:, at_T] for tensor in first._tensors()[:3]]
        return first._of(*wide, *(one[:, at_T] for one in first.beside[:2]), *first.beside[2:])

    def flat(self) -> tuple[Batch, Tensor]:
        """All tokens in one row, without the padding, and where they stood: [B, T].

        Documents do not see each other, and positions are relative, so a row may be as long as it likes.
        """
        kept_BT = self.answers_BT != NONE
        one_N = (tensor[kept_BT][None] for tensor in (self.tokens_BT, self.labels_BT, self.documents_BT))
        tokens, labels, documents = one_N
        return Batch(tokens, labels, documents), kept_BT


def batch(examples: Sequence[Example], own: Sequence[Tensor], widest: int) -> Compared:
    """Rows of examples; `own` is what a loss reads of each beside its tokens."""
    shape = len(examples), max(example.tokens for example in examples)
    tokens_BT = torch.zeros(shape, dtype=torch.int64)
    labels_BT = torch.full(shape, IGNORED)
    documents_BT, answers_BT = torch.full(shape, NONE), torch.full(shape, NONE)
    compared_BT = torch.zeros(shape, dtype=torch.bool)
    document = 0
    for row, example in enumerate(examples):
        at = 0
        for number, answer in enumerate(example.answers):
            end = at + len(answer.ids)
            tokens_BT[row, at:end] = answer.ids
            labels_BT[row, at : end - 1] = answer.ids[1:].where(answer.learnt[1:], IGNORED)
            compared_BT[row, at : end - 1] = answer.compared[1:]
            documents_BT[row, at:end], answers_BT[row, at:end] = document, number
            at, document = end, document + 1
    counts_B = torch.tensor([len(example.answers) for example in examples])
    beside = (answers_BT, compared_BT, counts_B * (counts_B - 1) // 2, *own)
    return Compared(tokens_BT, labels_BT, documents_BT, beside, widest=widest)
