"""A step's gradient, in as many passes through the model as its memory asks for.

A loss gives the sum over the tokens of a micro-batch; the sum is divided by the tokens of
the whole step before its backward pass.  So how a batch was cut changes the result in its
rounding alone.  `loop` takes the steps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Literal

import torch
from torch import Tensor

from ...compiler.plan.model import Phase
from ..parts.data.feed import IGNORED, Batch
from ..parts.memory import budget, device_bytes, kept_bytes, rows_at_once
from ..parts.model.decoder import Decoder
from .means import Means

Loss = Callable[[Decoder, Batch, Phase], Tensor]
"""The sum of the losses of a micro-batch's tokens."""

_STATE = 16 + 8
"""Bytes of a parameter: itself, its gradient and two moments in fp32, and a sum for an average in fp64."""


class Passes:
    """How the batches of a stage go through its model; `rows` are the sequences of a pass, by context."""

    def __init__(self, model: Decoder, loss: Loss, compute: Literal["fp32", "bf16"], means: Means) -> None:
        self.model, self.loss, self.compute = model, loss, compute
        self.rows: dict[int, int] = {}
        self.means = means
        self.device = next(model.parameters()).device
        if means.compile:
            for layer in model.model.layers:
                layer.compile()

    def state(self) -> dict[str, Any]:
        return {"rows": [list(pair) for pair in self.rows.items()], "recompute": self.model.recompute}

    def load(self, state: dict[str, Any]) -> None:
        """Go on as the stage began, unless another memory is asked for."""
        if self.means.memory is None:
            self.rows = dict(state["rows"])
            self.model.recompute = state["recompute"]

    @property
    def room(self) -> int:
        """Bytes that one pass may keep."""
        state = _STATE * sum(parameter.numel() for parameter in self.model.parameters())
        return budget(self.means.memory or device_bytes(self.device), state)

    def prepare(self, batch: Batch, phase: Phase) -> None:
        """Choose how many sequences go at once: what the first of them keeps is counted."""
        if phase.context in self.rows:
            return
        first = next(_cut(batch, 1))
        each = self._kept(first, phase)
        if each > self.room and not self.model.recompute:
            self.model.recompute = True
            each = self._kept(first, phase)
        self.rows[phase.context] = rows_at_once(phase.sequences, each, self.room)

    def gradient(self, batch: Batch, phase: Phase) -> Tensor:
        """The mean loss of the batch's tokens; its gradient is left in the parameters."""
        self.prepare(batch, phase)
        tokens = (batch.labels_BT != IGNORED).sum().clamp(min=1).to(self.device)
        total = torch.zeros((), device=self.device)
        for part in _cut(batch, self.rows[phase.context]):
            loss = self._sum(part, phase) / tokens
            loss.backward()
            total = total + loss.detach()
        return total

    def _kept(self, batch: Batch, phase: Phase) -> int:
        return kept_bytes(lambda: self._sum(batch, phase), self.model.parameters())

    def _sum(self, batch: Batch, phase: Phase) -> Tensor:
        here = Batch(
            *(part.to(self.device) for part in (batch.tokens_BT, batch.labels_BT, batch.documents_BT))
        )
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.compute == "bf16"):
            return self.loss(self.model, here, phase)


def _cut(batch: Batch, rows: int) -> Iterator[Batch]:
    """A batch in parts of so many sequences, the last one perhaps of fewer."""
    whole = (batch.tokens_BT, batch.labels_BT, batch.documents_BT)
    for parts in zip(*(tensor.split(rows) for tensor in whole), strict=True):
        yield Batch(*parts)
