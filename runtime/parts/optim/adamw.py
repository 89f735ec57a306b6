"""AdamW (Loshchilov & Hutter 2019), and its state under flat names."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from ....compiler.plan.model import AdamW

_MOMENTS = ("step", "exp_avg", "exp_avg_sq")


def adamw(model: nn.Module, settings: AdamW) -> torch.optim.AdamW:
    """The optimizer with weight decay on matrices only; its rate is set before every step."""
    matrices = [parameter for parameter in model.parameters() if parameter.ndim >= 2]
    vectors = [parameter for parameter in model.parameters() if parameter.ndim < 2]
    groups = [{"params": matrices, "weight_decay": settings.decay}, {"params": vectors, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=0.0, betas=settings.betas, eps=settings.eps, fused=True)


def state_tensors(optimizer: torch.optim.Optimizer, model: nn.Module) -> dict[str, Tensor]:
    """Both moments and the step count of every parameter that has been stepped."""
    return {
        f"optim.{moment}.{name}": optimizer.state[parameter][moment]
        for name, parameter in model.named_parameters()
        if parameter in optimizer.state
        for moment in _MOMENTS
    }


def load_state(optimizer: torch.optim.Optimizer, model: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Put back what `state_tensors` gave."""
    for name, parameter in model.named_parameters():
        found = {moment: tensors.get(f"optim.{moment}.{name}") for moment in _MOMENTS}
        if all(tensor is not None for tensor in found.values()):
            optimizer.state[parameter] = dict(found)
