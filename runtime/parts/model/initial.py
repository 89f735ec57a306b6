"""The first weights of a model."""

from __future__ import annotations

import torch

from ..seeds import seed
from .decoder import Decoder
from .norm import RMSNorm

_INTO_STREAM = ("o_proj.weight", "down_proj.weight", "experts.down_proj")


@torch.no_grad()
def initialise(model: Decoder, std: float, rng: int) -> None:
    """Matrices from a normal distribution, norms at a factor of 1, biases at 0.

    What writes into the residual stream is scaled by 1 / sqrt(2 * layers), as GPT-2 did (Radford et al. 2019,
    section 2.3).  Each tensor draws from a seed of its own name.
    """
    norms = {id(part.weight): part.first for part in model.modules() if isinstance(part, RMSNorm)}
    for name, parameter in model.named_parameters():
        if parameter.ndim < 2:
            parameter.fill_(norms.get(id(parameter), 0.0))
            continue
        source = torch.Generator().manual_seed(seed(rng, "init", name))
        scale = (2 * model.arch.layers) ** -0.5 if name.endswith(_INTO_STREAM) else 1.0
        parameter.normal_(0.0, std * scale, generator=source)
