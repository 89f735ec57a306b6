"""The order in which a corpus is read: a function of a seed and a position, and of nothing else.

Epoch after epoch the documents are laid end to end, each time in another order.
A reader asks for a stretch of that endless row, wherever it stands; so resuming
needs one integer, and two machines that ask for the same stretch get the same.
"""

from __future__ import annotations

import hashlib
import math
from functools import lru_cache

import torch
from torch import Tensor

from ..seeds import seed
from .tokens import Documents

_ROUNDS = 4


def permutation(count: int, key: int) -> Tensor:
    """The numbers below `count` in an order that `key` decides.

    A Feistel network on BLAKE2 over a grid of about √count × √count places, so a
    round needs only √count hashes.  Places beyond `count` walk on until they fall
    below it, which keeps it a bijection for any count.
    """
    rows = max(1, math.isqrt(max(0, count - 1)) + 1)
    columns = max(1, -(-count // rows))
    tables = [
        _table(key, turn, *((rows, columns) if turn % 2 else (columns, rows))) for turn in range(_ROUNDS)
    ]
    places = _mixed(torch.arange(count), tables, rows, columns)
    while (beyond := (places >= count).nonzero().flatten()).numel():
        places[beyond] = _mixed(places[beyond], tables, rows, columns)
    return places


def _mixed(places: Tensor, tables: list[Tensor], rows: int, columns: int) -> Tensor:
    row, column = places // columns, places % columns
    for turn, table in enumerate(tables):
        if turn % 2:
            column = (column + table[row]) % columns
        else:
            row = (row + table[column]) % rows
    return row * columns + column


def _table(key: int, turn: int, size: int, below: int) -> Tensor:
    """One round's function: for every coordinate a number below `below`."""
    secret = key.to_bytes(8, "big")
    hashes = (
        hashlib.blake2b(bytes([turn]) + at.to_bytes(8, "big"), key=secret, digest_size=8).digest()
        for at in range(size)
    )
    return torch.tensor([int.from_bytes(found, "big") % below for found in hashes], dtype=torch.int64)


class Stream:
    """A corpus as an endless row of tokens."""

    def __init__(self, documents: Documents, rng: int) -> None:
        if not documents.size:
            raise ValueError("a corpus without tokens cannot be read")
        self._documents = documents
        self._starts, self._lengths = documents.starts[:-1], documents.starts.diff()
        self._rng = rng
        self._epoch = lru_cache(maxsize=2)(self._laid_out)

    @property
    def tokens_per_epoch(self) -> int:
        return self._documents.size

    def next(self, taken: int, drawn: int, size: int) -> tuple[int, int]:
        """Where the next sequence stands after so many sequences and tokens, and how many tokens it draws.

        A sequence has one token more than the context, which is the last label; the next one begins with it.
        """
        return drawn, size - 1

    def read(self, position: int, length: int) -> tuple[Tensor, Tensor]:
        """The ids from `position` on, and for each the number of its document, which never comes again."""
        pieces: list[tuple[Tensor, Tensor]] = []
        while length:
            epoch, offset = divmod(position, self.tokens_per_epoch)
            size = min(length, self.tokens_per_epoch - offset)
            pieces.append(self._within(epoch, offset, size))
            position, length = position + size, length - size
        ids, documents = zip(*pieces, strict=True) if pieces else ((torch.empty(0, dtype=torch.int64),),) * 2
        return torch.cat(ids), torch.cat(documents)

    def _within(self, epoch: int, offset: int, size: int) -> tuple[Tensor, Tensor]:
        ends, shifts = self._epoch(epoch)
        places = torch.arange(offset, offset + size)
        turns = torch.searchsorted(ends, places, right=True)
        return self._documents.at(places + shifts[turns]), epoch * len(self._starts) + turns

    def _laid_out(self, epoch: int) -> tuple[Tensor, Tensor]:
        """Where each document in turn ends, and how far back its tokens are stored from where they stand."""
        order = permutation(len(self._starts), seed(self._rng, "epoch", epoch))
        lengths = self._lengths[order]
        ends = lengths.cumsum(0)
        return ends, self._starts[order] - (ends - lengths)
