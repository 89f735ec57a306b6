"""The online merging optimizer, as Qwen 2 was aligned with it (Lu et al. 2024, arXiv:2405.17931, section 3).

Steps are merged with the difference tau of two models, a reference and what it was fine-tuned from.  Every
n-th step it takes what the last n steps d together would have moved a weight, thins it to T(d), and puts

    w + merged(tau, T(d)),   then times 1 - lr * decay,

in their place; the steps between move every weight by the optimizer's own d.  With weight a of tau,

    dare:  a * tau + (1 - a) * T(d);  T drops entries by chance and scales the others by 1 / reserve
    ties:  the same over entries whose sign is that of tau + T(d);  T keeps the largest share, reserve

tau is thinned the same way, once, and cut to between -1 and 1.  It is added at every merge, so after n merges
a weight has drifted by n * a * tau whatever its gradient says: a is of the order of 1e-7 for thousands of steps.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from ....compiler.plan.model import MergeBack
from ..seeds import seed

LARGEST = 1.0
"""Of an entry of tau."""
DRIFT = "drift"
"""What a weight has moved since the last merge, in the optimizer's state."""


@torch.no_grad()
def thinned(tensor: Tensor, settings: MergeBack, source: torch.Generator) -> Tensor:
    """The entries that survive, and zeros."""
    if settings.reserve == 1:
        return tensor
    if settings.method == "dare":
        kept = torch.rand(tensor.shape, generator=source, device=tensor.device) < settings.reserve
        return tensor * kept / settings.reserve
    flat = tensor.flatten()
    largest = flat.abs().topk(max(1, round(settings.reserve * flat.numel()))).indices
    return torch.zeros_like(flat).scatter(0, largest, flat[largest]).view_as(tensor)


def merged(tau: Tensor, delta: Tensor, settings: MergeBack) -> Tensor:
    """What a weight moves by."""
    if settings.method == "ties":
        elected = (tau + delta).sign()
        tau, delta = tau * (tau.sign() == elected), delta * (delta.sign() == elected)
    return settings.rate * tau + (1 - settings.rate) * delta


class Merging:
    """Merges the steps of an optimizer with a difference; it hooks into `step`, and saves no state but `drift`.

    Before a step the weights are put aside as zeros, so that whatever the optimizer makes of them is its step
    alone, decay left out; after it they are put back, and moved.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        model: nn.Module,
        difference: Mapping[str, Tensor],
        settings: MergeBack,
        rng: int,
    ) -> None:
        self.settings, self.rng = settings, rng
        self._names: dict[Tensor, str] = {
            parameter: name for name, parameter in model.named_parameters() if name in difference
        }
        self._tau = {
            name: thinned(
                difference[name].to(parameter.device), settings, self._source(parameter, "tau", name)
            ).clamp(-LARGEST, LARGEST)
            for parameter, name in self._names.items()
        }
        self._aside: dict[Tensor, Tensor] = {}
        optimizer.register_step_pre_hook(self._before)
        optimizer.register_step_post_hook(self._after)

    @property
    def bytes(self) -> int:
        """Of tau, of the weights that are put aside, and of what they moved since the last merge."""
        return (2 + (self.settings.every > 1)) * sum(4 * tau.numel() for tau in self._tau.values())

    @torch.no_grad()
    def _before(self, optimizer: Optimizer, *_: Any) -> None:
        for weight in self._names:
            if weight.grad is not None:
                self._aside[weight] = weight.clone()
                weight.zero_()

    @torch.no_grad()
    def _after(self, optimizer: Optimizer, *_: Any) -> None:
        for group in optimizer.param_groups:
            for weight in group["params"]:
                if weight in self._aside:
                    delta = self._moved(weight, weight.clone(), optimizer.state[weight])
                    weight.copy_(self._aside.pop(weight)).add_(delta)
                    weight.mul_(1 - group["lr"] * group["weight_decay"])

    def _moved(self, weight: Tensor, delta: Tensor, state: dict[str, Any]) -> Tensor:
        """What a weight moves by in this step: the optimizer's own, or the merge less what it moved since the last."""
        if self.settings.every == 1:
            return self._merged(weight, delta, state)
        drift = state.setdefault(DRIFT, torch.zeros_like(weight))
        if int(state["step"]) % self.settings.every:
            drift += delta
            return delta
        moved = self._merged(weight, delta + drift, state) - drift
        drift.zero_()
        return moved

    def _merged(self, weight: Tensor, delta: Tensor, state: dict[str, Any]) -> Tensor:
        name = self._names[weight]
        source = self._source(weight, int(state["step"]), name)
        return merged(self._tau[name], thinned(delta, self.settings, source), self.settings)

    def _source(self, weight: Tensor, *purpose: str | int) -> torch.Generator:
        """A generator of this purpose's own, so that a resumed stage drops what it would have dropped."""
        return torch.Generator(weight.device).manual_seed(seed(self.rng, "merge_back", *purpose))
