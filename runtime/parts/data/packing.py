"""Whole documents in rows of one length, for what must never be cut: conversations, questions with answers.

Best fit decreasing (Johnson 1973): the longest first, each into the row with the
least room that still takes it, which wastes little where lengths vary (Ding et al.
2024, "Fewer truncations improve language modeling").  Running text is packed end to
end by `order` instead.
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


class Packed:
    """A corpus as an endless row of sequences; the one at a position is a function of it and the seed."""

    def __init__(self, documents: Documents, size: int, rng: int) -> None:
        """`size` is in tokens, the last label included.  What is longer is left out."""
        self._documents, self._size, self._rng = documents, size, rng
        lengths = documents.starts.diff()
        self._fitting = ((lengths > 0) & (lengths <= size)).nonzero().flatten()
        self._lengths = lengths[self._fitting]
        self.left_out = len(documents) - len(self._fitting)
        if not len(self._fitting):
            raise ValueError("a corpus without documents that fit cannot be packed")
        self._epoch = lru_cache(maxsize=2)(self._laid_out)
        self.rows_per_epoch = len(self._epoch(0))
        """The same in every epoch: how many rows there are depends on the lengths alone."""

    def read(self, position: int) -> tuple[Tensor, Tensor]:
        """The ids of a sequence, and for each the number of its document, which never comes again."""
        epoch, place = divmod(position, self.rows_per_epoch)
        ids = torch.zeros(self._size, dtype=torch.int64)
        numbers = torch.full((self._size,), NONE)
        at = 0
        for document in self._epoch(epoch)[place]:
            tokens = self._documents[int(self._fitting[document])]
            ids[at : at + len(tokens)] = tokens
            numbers[at : at + len(tokens)] = epoch * len(self._fitting) + document
            at += len(tokens)
        return ids, numbers

    def _laid_out(self, epoch: int) -> list[list[int]]:
        """The documents of every row: which of equal lengths share one, and the rows' order, change with the epoch."""
        order = permutation(len(self._fitting), seed(self._rng, "epoch", epoch))
        rows = best_fit(self._lengths[order].tolist(), self._size)
        shuffled = permutation(len(rows), seed(self._rng, "rows", epoch)).tolist()
        named = order.tolist()
        return [[named[document] for document in rows[row]] for row in shuffled]


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
