"""Batches of pairs for the training loop: drawn from several data sets, each in its own order.

What a step gets depends on the plan and the number of the step alone.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import accumulate
from typing import Any

from torch import Tensor

from ....compiler.plan.model import TrainedWork
from ..data.mixing import Mixture
from ..data.order import permutation
from ..seeds import seed
from .batches import Compared, Example, batch

Own = Callable[[Sequence[tuple[str, int]], Sequence[Example]], Sequence[Tensor]]
"""What a loss reads of some examples beside their tokens: [B, ...] each; they are given with set and place too."""


class PairFeed:
    """The batches of a stage that compares answers, asked for one step after the other.

    `kept` are tensors that every saved state holds.
    """

    def __init__(
        self,
        work: TrainedWork,
        sets: Mapping[str, Sequence[Example]],
        own: Own,
        kept: Mapping[str, Tensor] | None = None,
    ) -> None:
        self._work, self._sets, self._own, self._kept = work, sets, own, dict(kept or {})
        self._ends = list(accumulate(phase.steps for phase in work.phases))
        self._mixture = Mixture(work.phases)
        self._widest = max(example.tokens for found in sets.values() for example in found)
        self._order = lru_cache(maxsize=2 * len(sets))(self._ordered)
        self._step = 0
        self._taken, self._drawn = dict.fromkeys(sets, 0), dict.fromkeys(sets, 0)

    def batch(self, step: int) -> Compared:
        """The batch of this step, which must be the one after the last."""
        if step != self._step:
            raise ValueError(f"step {self._step} comes next, not {step}")
        places = list(self._next())
        found = [self._sets[name][place] for name, place in places]
        for (name, _), example in zip(places, found, strict=True):
            self._drawn[name] += example.tokens
        self._step += 1
        return batch(found, self._own(places, found), self._widest)

    def drawn(self) -> dict[str, int]:
        return dict(self._drawn)

    def state(self) -> dict[str, Any]:
        return {"step": self._step, "taken": dict(self._taken), "drawn": dict(self._drawn)}

    def load(self, state: Mapping[str, Any]) -> None:
        self._step, self._taken, self._drawn = state["step"], dict(state["taken"]), dict(state["drawn"])

    def tensors(self) -> Mapping[str, Tensor]:
        return self._kept

    def _next(self) -> Iterator[tuple[str, int]]:
        """The set and the place there of every example of the next step."""
        for _ in range(self._work.phases[bisect_right(self._ends, self._step)].sequences):
            name = self._mixture.next(self._taken)
            epoch, position = divmod(self._taken[name], len(self._sets[name]))
            self._taken[name] += 1
            yield name, int(self._order(name, epoch)[position])

    def _ordered(self, name: str, epoch: int) -> Tensor:
        key = seed(self._work.rng, "order", self._work.earlier, name, "epoch", epoch)
        return permutation(len(self._sets[name]), key)
