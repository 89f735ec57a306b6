"""Batches of conversations: so many of them a step, laid whole into as few rows as they fit in.

`Conversations` counts conversations, and a mix is kept by examples.  `Rows` counts rows of one length, packed
full, and a mix is kept by tokens.  Either way what a step gets depends on the plan and its number alone.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import accumulate
from typing import Any

import torch
from torch import Tensor

from ....compiler.plan.model import TrainedWork
from ..data.feed import Batch, Feed, batch_of
from ..data.mixing import Mixture
from ..data.order import permutation
from ..data.packing import NONE, best_fit
from ..data.tokens import Documents
from ..seeds import seed
from .learnt import unmarked


class Conversations:
    """A phase's `sequences` are the conversations of a step."""

    def __init__(self, work: TrainedWork, sets: Mapping[str, Documents]) -> None:
        self._work, self._sets = work, sets
        self._ends = list(accumulate(phase.steps for phase in work.phases))
        self._mixture = Mixture(work.phases)
        self._step = 0
        names = sorted({name for phase in work.phases for name in phase.shares})
        self._taken, self._drawn = dict.fromkeys(names, 0), dict.fromkeys(names, 0)
        self._order = lru_cache(maxsize=2 * len(names))(self._shuffled)

    def batch(self, step: int) -> Batch:
        """The batch of this step, which must be the one after the last."""
        if step != self._step:
            raise ValueError(f"step {self._step} comes next, not {step}")
        phase = self._work.phases[bisect_right(self._ends, step)]
        found = [self._next() for _ in range(phase.sequences)]
        self._step = step + 1
        # The first step's rows are of full length, so that what a row keeps in memory is counted for the longest.
        return unmarked(packed(found, phase.context + 1, whole=step == 0))

    def drawn(self) -> dict[str, int]:
        """Tokens taken from each source so far."""
        return dict(self._drawn)

    def state(self) -> dict[str, Any]:
        return {"step": self._step, "taken": dict(self._taken), "drawn": dict(self._drawn)}

    def load(self, state: Mapping[str, Any]) -> None:
        self._step, self._taken, self._drawn = state["step"], dict(state["taken"]), dict(state["drawn"])

    def _next(self) -> Tensor:
        name = self._mixture.next(self._taken)
        documents = self._sets[name]
        epoch, place = divmod(self._taken[name], len(documents))
        ids = documents[int(self._order(name, epoch)[place])]
        self._taken[name] += 1
        self._drawn[name] += len(ids)
        return ids

    def _shuffled(self, name: str, epoch: int) -> Tensor:
        rng = seed(self._work.rng, "order", self._work.earlier, name)
        return permutation(len(self._sets[name]), seed(rng, "epoch", epoch))


class Rows:
    """A phase's `sequences` are rows of its context, filled with whole conversations by `Feed`."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed

    def batch(self, step: int) -> Batch:
        return unmarked(self._feed.batch(step))

    def drawn(self) -> dict[str, int]:
        return self._feed.drawn()

    def state(self) -> dict[str, Any]:
        return self._feed.state()

    def load(self, state: Mapping[str, Any]) -> None:
        self._feed.load(state)


def packed(found: Sequence[Tensor], size: int, whole: bool = False) -> Batch:
    """Conversations in rows of at most `size` tokens, the last label included: in as few as they fit in, and these
    as short as that allows."""
    lengths = [len(ids) for ids in found]
    rows = best_fit(lengths, size)
    if not whole:
        least = max(*lengths, -(-sum(lengths) // len(rows)), 2)
        tighter = (best_fit(lengths, room) for room in (least, (least + size) // 2))
        rows = min((rows, *tighter), key=lambda laid: len(laid) * _widest(laid, lengths))
        size = _widest(rows, lengths)
    ids_BS = torch.zeros(len(rows), size, dtype=torch.int64)
    documents_BS = torch.full_like(ids_BS, NONE)
    for row, inside in enumerate(rows):
        at = 0
        for one in inside:
            ids_BS[row, at : at + lengths[one]] = found[one]
            documents_BS[row, at : at + lengths[one]] = one
            at += lengths[one]
    return batch_of(ids_BS, documents_BS)


def _widest(rows: Sequence[Sequence[int]], lengths: Sequence[int]) -> int:
    return max(2, *(sum(lengths[one] for one in row) for row in rows))
