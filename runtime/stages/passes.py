"""A step's gradient, in as many passes through the model as its memory asks for.

A loss gives the sum over the tokens of a micro-batch, or over its pairs; the sum is divided by those of
the whole step before its backward pass.  So how a batch was cut changes the result in its
rounding alone.  `loop` takes the steps.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

import torch
from torch import Tensor

from ...compiler.plan.model import Phase
from ..parts.data.feed import Batch
from ..parts.memory import budget, device_bytes, kept_bytes, rows_at_once
from ..parts.model.decoder import Decoder
from .means import Means

Beside = Mapping[str, Tensor]
"""Sums over the same tokens that are told beside the loss, by name, and not learnt from."""
Loss = Callable[[Decoder, Batch, Phase], Tensor | tuple[Tensor, Beside]]
"""The sum of the losses of a micro-batch's tokens, alone or with what is told beside it."""

_STATE = 16 + 8
"""Bytes of a parameter: itself, its gradient and two moments in fp32, and a sum for an average in fp64."""


class Passes:
    """How the batches of a stage go through its model; `rows` are the sequences of a pass, by context."""

    def __init__(
        self, model: Decoder, loss: Loss, compute: Literal["fp32", "bf16"], means: Means, others: int = 0
    ) -> None:
        """`others` are the bytes of models that stand still beside this one."""
        self.model, self.loss, self.compute, self.others = model, loss, compute, others
        self.rows: dict[int, int] = {}
        self.beside: dict[str, Tensor] = {}
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
    def memory(self) -> int:
        """Bytes that the device is taken to have."""
        return self.means.memory or device_bytes(self.device)

    @property
    def room(self) -> int:
        """Bytes that one pass may keep."""
        state = _STATE * sum(parameter.numel() for parameter in self.model.parameters())
        return budget(self.memory, state + self.others)

    def prepare(self, batch: Batch, phase: Phase) -> None:
        """Choose how many sequences go at once: what the first of them keeps is counted."""
        if phase.context in self.rows:
            return
        # Copied, for a view of the batch would count as the whole of it.
        first = batch.fullest().to(self.device, copy=True)
        each = self._kept(first, phase)
        if each > self.room and not self.model.recompute:
            self.model.recompute = True
            each = self._kept(first, phase)
        self.rows[phase.context] = rows_at_once(phase.sequences, each, self.room)

    def gradient(self, batch: Batch, phase: Phase) -> Tensor:
        """The mean loss of the batch's tokens; its gradient is left in the parameters, what is told in `beside`."""
        self.prepare(batch, phase)
        terms = batch.terms.clamp(min=1).to(self.device)
        total = torch.zeros((), device=self.device)
        self.beside = {}
        for part in batch.split(self.rows[phase.context]):
            found, beside = self._sum(part, phase)
            loss = found / terms
            loss.backward()
            total = total + loss.detach()
            for name, value in beside.items():
                self.beside[name] = self.beside.get(name, 0) + value.detach() / terms
        return total

    def _kept(self, batch: Batch, phase: Phase) -> int:
        # Uncompiled: what a compiler makes of it keeps less, and would be made once more for this one sequence.
        with torch.compiler.set_stance("force_eager" if self.means.compile else "default"):
            return kept_bytes(lambda: self._sum(batch, phase)[0], self.model.parameters())

    def _sum(self, batch: Batch, phase: Phase) -> tuple[Tensor, Beside]:
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.compute == "bf16"):
            found = self.loss(self.model, batch.to(self.device), phase)
        return found if isinstance(found, tuple) else (found, {})
