"""The uniform mean of weights along the way (Polyak & Juditsky 1992)."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn


class Average:
    """A running sum in fp64, divided and rounded once: the mean of n weights is exact to fp32."""

    def __init__(self) -> None:
        self.count = 0
        self._sums: dict[str, Tensor] = {}

    @torch.no_grad()
    def add(self, model: nn.Module) -> None:
        for name, parameter in model.named_parameters():
            if name in self._sums:
                self._sums[name] += parameter
            else:
                self._sums[name] = parameter.detach().double()
        self.count += 1

    def mean(self) -> dict[str, Tensor]:
        return {name: (total / self.count).float() for name, total in self._sums.items()}

    def tensors(self) -> dict[str, Tensor]:
        """The state for a checkpoint; empty before the first sample."""
        return {"count": torch.tensor(self.count), **self._sums} if self.count else {}

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Put back what `tensors` gave."""
        self.count = int(tensors["count"]) if tensors else 0
        self._sums = {name: tensor for name, tensor in tensors.items() if name != "count"}
