"""Documents in rows of one length, none cut that would fit: another way to read than end to end.

Best fit decreasing (Johnson 1973): the longest first, each into the row with the
least room that still takes it, which wastes little where lengths vary (Ding et al.
2024, "Fewer truncations improve language modeling").  What is longer than a row is
first cut into pieces that fill rows, as there; each begins with the last token of the
one before, so that every token but a document's first is predicted once.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Sequence
from functools import lru_cache

import torch
from torch import Tensor

from ..seeds import seed
from .order import permutation
from .tokens import Documents

NONE = -1
"""The document that padding belongs to: nothing attends to it, and it is never a label."""


class Fitted:
    """A corpus in rows of whatever size is asked for.  Where that changes, what follows is laid out anew."""

    def __init__(self, documents: Documents, rng: int) -> None:
        self._of = lru_cache(maxsize=4)(lambda size: Packed(documents, size, rng))

    def next(self, taken: int, drawn: int, size: int) -> tuple[int, int]:
        """Where the next row stands after so many of them, and how many tokens it draws."""
        return taken, self._of(size).drawn(taken)

    def read(self, position: int, size: int) -> tuple[Tensor, Tensor]:
        return self._of(size).read(position)


class Packed:
    """A corpus as an endless row of sequences; the one at a position is a function of it and the seed."""

    def __init__(self, documents: Documents, size: int, rng: int) -> None:
        """`size` is in tokens, the last label included."""
        self._documents, self._size, self._rng = documents, size, rng
        lengths = documents.starts.diff()
        self._of, self._firsts, self._lengths = _pieces(lengths, size)
        self._goes_on = self._firsts + self._lengths < lengths[self._of]
        if not len(self._of):
            raise ValueError("a corpus in which no token follows another cannot be packed")
        self._epoch = lru_cache(maxsize=2)(self._laid_out)
        self.rows_per_epoch = len(self._epoch(0))
        """The same in every epoch: how many rows there are depends on the lengths alone."""

    def read(self, position: int) -> tuple[Tensor, Tensor]:
        """The ids of a sequence, and for each the number of its piece, which never comes again."""
        epoch, place = divmod(position, self.rows_per_epoch)
        ids = torch.zeros(self._size, dtype=torch.int64)
        numbers = torch.full((self._size,), NONE)
        at = 0
        for piece in self._epoch(epoch)[place]:
            start = int(self._documents.starts[self._of[piece]] + self._firsts[piece])
            length = int(self._lengths[piece])
            ids[at : at + length] = self._documents.at(torch.arange(start, start + length))
            numbers[at : at + length] = epoch * len(self._of) + piece
            at += length
        return ids, numbers

    def drawn(self, position: int) -> int:
        """Tokens of the corpus that a sequence takes: a token that begins the next piece is that one's."""
        epoch, place = divmod(position, self.rows_per_epoch)
        row = torch.tensor(self._epoch(epoch)[place])
        return int(self._lengths[row].sum() - self._goes_on[row].sum())

    def _laid_out(self, epoch: int) -> list[list[int]]:
        """The pieces of every row: which of equal lengths share one, and the rows' order, change with the epoch."""
        order = permutation(len(self._of), seed(self._rng, "epoch", epoch))
        rows = best_fit(self._lengths[order].tolist(), self._size)
        shuffled = permutation(len(rows), seed(self._rng, "rows", epoch)).tolist()
        named = order.tolist()
        return [[named[piece] for piece in rows[row]] for row in shuffled]


def _pieces(lengths: Tensor, size: int) -> tuple[Tensor, Tensor, Tensor]:
    """Of every piece its document, its first token there, and its length; one token alone predicts nothing."""
    counts = ((lengths - 2).div(size - 1, rounding_mode="floor") + 1).clamp(min=0)
    of = torch.repeat_interleave(counts)
    firsts = (torch.arange(len(of)) - (counts.cumsum(0) - counts)[of]) * (size - 1)
    return of, firsts, (lengths[of] - firsts).clamp(max=size)


def best_fit(lengths: Sequence[int], room: int) -> list[list[int]]:
    """Rows of documents, by their places in `lengths`; none of these is above `room`."""
    rows: list[list[int]] = []
    with_room: dict[int, list[int]] = {}  # the rows that have so much room left, the latest last
    sizes: list[int] = []  # the keys of `with_room`, rising
    for document in sorted(range(len(lengths)), key=lambda one: -lengths[one]):
        place = bisect_left(sizes, lengths[document])
        if place < len(sizes):
            left = sizes[place]
            row = with_room[left].pop()
            if not with_room[left]:
                del with_room[left], sizes[place]
        else:
            left, row = room, len(rows)
            rows.append([])
        rows[row].append(document)
        left -= lengths[document]
        if left and left not in with_room:
            insort(sizes, left)
        if left:
            with_room.setdefault(left, []).append(row)
    return rows
