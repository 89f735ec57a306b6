"""Batches for the training loop: sequences drawn from several corpora, each in its own order.

What a step gets depends on the plan and the number of the step alone.  The state
is a few counts, so a run that was cut off goes on with the very next sequence.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ....compiler.plan.model import Phase, TrainWork
from ..seeds import seed
from .mixing import Mixture
from .order import Stream
from .tokens import TokenSet

IGNORED = -100
"""The label of a token whose successor belongs to another document, or to none."""


@dataclass(frozen=True, eq=False)
class Batch:
    """B sequences of T tokens.  A token attends to its own document only."""

    tokens_BT: Tensor
    labels_BT: Tensor
    documents_BT: Tensor


class Feed:
    """The batches of a training stage, asked for one step after the other."""

    def __init__(self, work: TrainWork, sets: Mapping[str, TokenSet]) -> None:
        names = sorted({name for phase in work.phases for name in phase.shares})
        self._phases = tuple(_stretches(work.phases))
        self._streams = {
            name: Stream(sets[name].train, seed(work.rng, "order", work.earlier, name)) for name in names
        }
        self._step = 0
        self._taken = dict.fromkeys(names, 0)
        self._drawn = dict.fromkeys(names, 0)

    def batch(self, step: int) -> Batch:
        """The batch of this step, which must be the one after the last."""
        if step != self._step:
            raise ValueError(f"step {self._step} comes next, not {step}")
        start, phase, mixture = next(found for found in self._phases if step < found[0] + found[1].steps)
        if step == start:
            self._taken = dict.fromkeys(self._taken, 0)
        rows = [self._sequence(mixture, phase.context) for _ in range(phase.sequences)]
        self._step += 1
        ids_BS, documents_BS = (torch.stack(part) for part in zip(*rows, strict=True))
        return batch_of(ids_BS, documents_BS)

    def drawn(self) -> dict[str, int]:
        """Tokens taken from each corpus so far."""
        return dict(self._drawn)

    def state(self) -> dict[str, Any]:
        return {"step": self._step, "taken": dict(self._taken), "drawn": dict(self._drawn)}

    def load(self, state: Mapping[str, Any]) -> None:
        """Go on from where `state` was taken."""
        self._step, self._taken, self._drawn = state["step"], dict(state["taken"]), dict(state["drawn"])

    def _sequence(self, mixture: Mixture, context: int) -> tuple[Tensor, Tensor]:
        """One token more than the context, which is the last label; the next sequence begins with it."""
        name = mixture.next(self._taken)
        row = self._streams[name].read(self._drawn[name], context + 1)
        self._taken[name] += 1
        self._drawn[name] += context
        return row


def batch_of(ids_BS: Tensor, documents_BS: Tensor) -> Batch:
    """Sequences of T + 1 tokens as T tokens and their successors."""
    same = documents_BS[:, 1:] == documents_BS[:, :-1]
    labels_BT = ids_BS[:, 1:].masked_fill(~same, IGNORED)
    return Batch(ids_BS[:, :-1].contiguous(), labels_BT, documents_BS[:, :-1].contiguous())


def _stretches(phases: tuple[Phase, ...]) -> Iterator[tuple[int, Phase, Mixture]]:
    """Each phase with the step at which it begins."""
    start = 0
    for phase in phases:
        yield start, phase, Mixture(phase.shares, phase.steps * phase.sequences)
        start += phase.steps
