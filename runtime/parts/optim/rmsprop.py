"""RMSProp with momentum, as AFM was trained with it (arXiv:2407.21075, section 3.2)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor


class RMSProp(torch.optim.Optimizer):
    """For every tensor, at step t with gradient g and rate r:

    v = b2 * v + (1 - b2) * (g^2 + eps^2)
    u = g / sqrt(v / (1 - b2^t)), divided by max(1, its root mean square)
    m = b1 * m + (1 - b1) * u
    w = w - r * m - r * decay * w

    The momentum has no bias correction, so the first steps are short.
    """

    def __init__(self, groups: Iterable[dict[str, Any]], *, betas: tuple[float, float], eps: float) -> None:
        super().__init__(groups, {"lr": 0.0, "betas": betas, "eps": eps, "weight_decay": 0.0})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self._one(parameter, parameter.grad, group)

    def _one(self, weight: Tensor, gradient: Tensor, group: dict[str, Any]) -> None:
        state = self.state[weight]
        if not state:
            state["step"] = torch.zeros((), dtype=torch.float32)
            state["exp_avg"] = torch.zeros_like(weight)
            state["exp_avg_sq"] = torch.zeros_like(weight)
        state["step"] += 1
        (b1, b2), m, v = group["betas"], state["exp_avg"], state["exp_avg_sq"]
        v.mul_(b2).addcmul_(gradient, gradient, value=1 - b2).add_((1 - b2) * group["eps"] ** 2)
        u = gradient / (v / (1 - b2 ** state["step"].item())).sqrt_()
        u /= u.square().mean().sqrt().clamp_(min=1.0)
        m.mul_(b1).add_(u, alpha=1 - b1)
        weight.mul_(1 - group["lr"] * group["weight_decay"]).add_(m, alpha=-group["lr"])
