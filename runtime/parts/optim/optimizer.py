"""Optimizers by their settings: which parameters decay, which are scaled, and the state under flat names."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from ....compiler.plan.model import AdamW, Optimizer
from .merge_back import DRIFT
from .rmsprop import RMSProp

_STATE = ("step", "exp_avg", "exp_avg_sq", DRIFT)


def optimizer_for(model: nn.Module, settings: Optimizer) -> torch.optim.Optimizer:
    """AdamW (Loshchilov & Hutter 2019) or RMSProp with momentum; `set_rate` comes before every step."""
    if isinstance(settings, AdamW):
        return torch.optim.AdamW(
            _groups(model, settings), lr=0.0, betas=settings.betas, eps=settings.eps, fused=True
        )
    return RMSProp(_groups(model, settings), betas=settings.betas, eps=settings.eps)


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """The learning rate of the next step; simple muP scales that of linear layers."""
    for group in optimizer.param_groups:
        group["lr"] = rate * group["scale"]


def _groups(model: nn.Module, settings: Optimizer) -> list[dict[str, object]]:
    """Parameters by what is done to them: matrices decay, and simple muP scales the updates of linear layers.

    An optimizer multiplies decay by its group's rate, so a scaled group's decay is divided by
    the scale: muP scales updates, not decay.
    """
    scale = settings.base_width / model.arch.width if settings.base_width else 1.0  # pyright: ignore
    inner, outer, vectors = [], [], []
    for name, parameter in model.named_parameters():
        is_inner = ".layers." in name and scale != 1.0
        (vectors if parameter.ndim < 2 else inner if is_inner else outer).append(parameter)
    told = ((outer, settings.decay, 1.0), (inner, settings.decay / scale, scale), (vectors, 0.0, 1.0))
    return [{"params": some, "weight_decay": decay, "scale": by} for some, decay, by in told if some]


def state_tensors(optimizer: torch.optim.Optimizer, model: nn.Module) -> dict[str, Tensor]:
    """Both moments and the step count of every parameter that has been stepped; and its drift, between merges."""
    return {
        f"optim.{part}.{name}": optimizer.state[parameter][part]
        for name, parameter in model.named_parameters()
        for part in _STATE
        if part in optimizer.state.get(parameter, ())
    }


def load_state(optimizer: torch.optim.Optimizer, model: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Put back what `state_tensors` gave, each beside its parameter."""
    for name, parameter in model.named_parameters():
        keys = {part: key for part in _STATE if (key := f"optim.{part}.{name}") in tensors}
        found = {part: tensors[key].to(parameter.device) for part, key in keys.items()}
        if found:
            optimizer.state[parameter] = found
