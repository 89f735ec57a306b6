"""Means of weights along the way: uniform (Polyak & Juditsky 1992), or exponential."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn


class Average:
    """Of samples w: without a rate their mean, kept as a sum in fp64 and rounded once, so exact to fp32;

    with a rate r the moving average a = (1 - r) * a + r * w in fp32, which begins as the first sample.
    """

    def __init__(self, rate: float | None = None) -> None:
        self.rate, self.count = rate, 0
        self._kept: dict[str, Tensor] = {}

    @torch.no_grad()
    def add(self, model: nn.Module) -> None:
        for name, parameter in model.named_parameters():
            kept = self._kept.get(name)
            if kept is None:
                wide = torch.float64 if self.rate is None else torch.float32
                self._kept[name] = parameter.detach().to(wide, copy=True)
            elif self.rate is None:
                kept += parameter
            else:
                kept.lerp_(parameter.to(kept.dtype), self.rate)
        self.count += 1

    def mean(self) -> dict[str, Tensor]:
        parts = self.count if self.rate is None else 1
        return {name: (kept / parts).float() for name, kept in self._kept.items()}

    def tensors(self) -> dict[str, Tensor]:
        """The state for a checkpoint; empty before the first sample."""
        return {"count": torch.tensor(self.count), **self._kept} if self.count else {}

    def load(self, tensors: Mapping[str, Tensor], device: torch.device | None = None) -> None:
        """Put back what `tensors` gave, where the model is."""
        self.count = int(tensors["count"]) if tensors else 0
        self._kept = {name: tensor.to(device) for name, tensor in tensors.items() if name != "count"}
