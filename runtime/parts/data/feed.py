"""Batches for the training loop: sequences drawn from several corpora, each in its own order.

What a step gets depends on the plan and the number of the step alone.  The state
is a few counts, so a run that was cut off goes on with the very next sequence.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Any, Self

import torch
from torch import Tensor

from ....compiler.plan.model import SftWork, TargetsWork, TrainedWork, TrainWork
from ..seeds import seed
from .crew import Crew, CrewLost, Rows
from .mixing import Mixture
from .order import Stream
from .packing import Fitted
from .tokens import TokenSet

IGNORED = -100
"""The label of a token whose successor belongs to another document, or to none."""


@dataclass(frozen=True, eq=False)
class Batch:
    """B sequences of T tokens.  A token attends to its own document only."""

    tokens_BT: Tensor
    labels_BT: Tensor
    documents_BT: Tensor
    beside: tuple[Tensor, ...] = ()
    """What else a loss reads of each sequence, such as a teacher's targets: [B, …]."""

    @property
    def terms(self) -> Tensor:
        """How many losses are in the sum of a batch's: one for each label."""
        return (self.labels_BT != IGNORED).sum()

    def fullest(self) -> Batch:
        """One sequence that is as long as any of its stage."""
        return next(self.split(1))

    def split(self, rows: int) -> Iterator[Self]:
        """Parts of so many sequences, the last one perhaps of fewer."""
        for parts in zip(*(tensor.split(rows) for tensor in self._tensors()), strict=True):
            yield self._of(*parts)

    def to(self, device: torch.device, copy: bool = False) -> Self:
        return self._of(*(_brought(tensor, device, copy) for tensor in self._tensors()))

    def _of(self, tokens: Tensor, labels: Tensor, documents: Tensor, *beside: Tensor) -> Self:
        return replace(self, tokens_BT=tokens, labels_BT=labels, documents_BT=documents, beside=beside)

    def _tensors(self) -> tuple[Tensor, ...]:
        return (self.tokens_BT, self.labels_BT, self.documents_BT, *self.beside)


class Feed:
    """The batches of a training stage, asked for one step after the other.

    With `workers`, other processes read ahead; it changes neither a batch nor the state.
    """

    def __init__(
        self,
        work: TrainedWork | TargetsWork,
        sets: Mapping[str, TokenSet],
        workers: int = 0,
        say: Callable[..., None] | None = None,
    ) -> None:
        names = sorted({name for phase in work.phases for name in phase.shares})
        self._work, self._sets, self._workers, self._say = work, sets, workers, say
        self._ends, self._mixture = (
            list(accumulate(phase.steps for phase in work.phases)),
            Mixture(work.phases),
        )
        fits = isinstance(work, SftWork) or (isinstance(work, TrainWork) and work.packing == "best_fit")
        reader = Fitted if fits else Stream
        self._readers: dict[str, Fitted | Stream] = {
            name: reader(sets[name].train, seed(work.rng, "order", work.earlier, name)) for name in names
        }
        self._place = _Place(0, dict.fromkeys(names, 0), dict.fromkeys(names, 0))
        self._crew: Crew | None = None
        self._ahead: deque[_Place] = deque()

    def __enter__(self) -> Feed:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Send the workers home, for good."""
        self._send_home()
        self._workers = 0

    def batch(self, step: int) -> Batch:
        """The batch of this step, which must be the one after the last."""
        if step != self._place.step:
            raise ValueError(f"step {self._place.step} comes next, not {step}")
        return batch_of(*(self._read_ahead() if self._workers else self.rows()))

    def rows(self) -> Rows:
        """The ids and document numbers of the next step's sequences, read in this process."""
        draws, self._place = self._after(self._place)
        rows = [self._readers[name].read(position, size) for name, position, size in draws]
        ids_BS, documents_BS = (torch.stack(part) for part in zip(*rows, strict=True))
        return ids_BS, documents_BS

    def drawn(self) -> dict[str, int]:
        """Tokens taken from each corpus so far."""
        return dict(self._place.drawn)

    def state(self) -> dict[str, Any]:
        return self._place.told()

    def load(self, state: Mapping[str, Any]) -> None:
        """Go on from where `state` was taken."""
        self._place = _Place(state["step"], dict(state["taken"]), dict(state["drawn"]))
        self._send_home()

    def _after(self, place: _Place) -> tuple[list[tuple[str, int, int]], _Place]:
        """The sequences of the step that stands at `place`, as corpus, position and size; and the next place.

        A sequence has one token more than the context, which is the last label; the next one begins with it.
        """
        phase = self._work.phases[bisect_right(self._ends, place.step)]
        taken, drawn = dict(place.taken), dict(place.drawn)
        draws: list[tuple[str, int, int]] = []
        for _ in range(phase.sequences):
            name = self._mixture.next(taken)
            size = phase.context + 1
            position, tokens = self._readers[name].next(taken[name], drawn[name], size)
            draws.append((name, position, size))
            taken[name] += 1
            drawn[name] += tokens
        return draws, _Place(place.step + 1, taken, drawn)

    # ---- reading ahead -------------------------------------------------------------------

    def _send_home(self) -> None:
        if self._crew:
            self._crew.dismiss()
        self._crew = None
        self._ahead.clear()

    def _read_ahead(self) -> Rows:
        """The rows of the next step, and every worker busy with one of those after it."""
        try:
            self._crew = self._crew or Crew(self._work, self._sets, self._workers)
            place = self._ahead[-1] if self._ahead else self._place
            while self._crew.has_room and place.step < self._work.steps:
                self._crew.ask(place.told())
                _, place = self._after(place)
                self._ahead.append(place)
            rows = self._crew.take()
        except CrewLost as lost:
            self.close()
            if self._say:
                self._say("workers_lost", because=str(lost))
            return self.rows()
        self._place = self._ahead.popleft()
        return rows


@dataclass(frozen=True)
class _Place:
    """Where a stage stands before a step: sequences and tokens so far, by corpus."""

    step: int
    taken: Mapping[str, int]
    drawn: Mapping[str, int]

    def told(self) -> dict[str, Any]:
        return {"step": self.step, "taken": dict(self.taken), "drawn": dict(self.drawn)}


def _brought(tensor: Tensor, device: torch.device, copy: bool) -> Tensor:
    """To a GPU from pinned memory, so that nobody waits for the copy."""
    if device.type == "cuda" and not tensor.is_cuda:
        return tensor.pin_memory().to(device, non_blocking=True)
    return tensor.to(device, copy=copy)


def batch_of(ids_BS: Tensor, documents_BS: Tensor) -> Batch:
    """Sequences of T + 1 tokens as T tokens and their successors; padding has no document, and no successor."""
    same = (documents_BS[:, 1:] == documents_BS[:, :-1]) & (documents_BS[:, 1:] >= 0)
    labels_BT = ids_BS[:, 1:].masked_fill(~same, IGNORED)
    return Batch(ids_BS[:, :-1].contiguous(), labels_BT, documents_BS[:, :-1].contiguous())
