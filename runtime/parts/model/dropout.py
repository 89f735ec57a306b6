"""Dropout of what attention and feed-forward add to the stream (Srivastava et al. 2014), while a model trains.

Which numbers fall is a function of the seed, the step and the first document of the micro-batch: a stage that
goes on after a cut drops the very same, and how often a pass was tried changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import dropout

from ..seeds import seed
from .decoder import Decoder


def dropping(model: Decoder, share: float) -> Callable[[], None]:
    """Let the model drop this share; the function that is given ends it."""

    def drop(module: nn.Module, _: Any, out: Any) -> Any:
        if isinstance(out, Tensor):
            return dropout(out, share, module.training)
        first, *rest = out
        return dropout(first, share, module.training), *rest

    halves = [half for layer in model.model.layers for half in (layer.self_attn, layer.mlp)]
    hooks = [half.register_forward_hook(drop) for half in halves]  # pyright: ignore

    def end() -> None:
        for hook in hooks:
            hook.remove()

    return end


def sow(rng: int, step: int, first: int) -> None:
    """Set what dropout draws from, for one micro-batch."""
    torch.manual_seed(seed(rng, "dropout", step, first))
