"""Windows on held-out documents: what an examination of a model reads.

Each row is the beginning of one document, so that position in the row is
position in the text.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch

from .feed import IGNORED, Batch
from .tokens import Documents

_TOKENS = 1 << 14  # of a batch at most, padding included
_NONE = -1


def windows(documents: Documents, context: int, limit: int) -> Iterator[Batch]:
    """The first `context` tokens, with their successors, of at most `limit` documents all over the split.

    Rows come by falling length and a batch is as wide as its longest row.  Padding
    has id 0, label -100 and document -1.
    """
    chosen = [documents[index][: context + 1] for index in spread(len(documents), limit)]
    rows = sorted((ids for ids in chosen if ids.numel() > 1), key=len, reverse=True)
    at_once = max(1, _TOKENS // context)
    for start in range(0, len(rows), at_once):
        yield _batch(rows[start : start + at_once])


def spread(count: int, limit: int) -> list[int]:
    """At most `limit` of the numbers below `count`, at even distances."""
    if count <= limit:
        return list(range(count))
    return [at * count // limit for at in range(limit)]


def _batch(rows: list[torch.Tensor]) -> Batch:
    shape = len(rows), len(rows[0]) - 1
    tokens_BT = torch.zeros(shape, dtype=torch.int64)
    labels_BT = torch.full(shape, IGNORED)
    documents_BT = torch.full(shape, _NONE)
    for row, ids in enumerate(rows):
        size = len(ids) - 1
        tokens_BT[row, :size], labels_BT[row, :size] = ids[:-1], ids[1:]
        documents_BT[row, :size] = row
    return Batch(tokens_BT, labels_BT, documents_BT)
