"""RMSNorm (Zhang & Sennrich 2019), in fp32 whatever the stream is kept in."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import rms_norm


class RMSNorm(nn.Module):
    """x / sqrt(mean(x^2) + eps) * weight, over the last dimension.

    With `offset` the weight is kept as w and used as 1 + w, so that weight decay pulls the factor to 1
    (Gemma).  `first` is the weight's value before training.
    """

    def __init__(self, width: int, eps: float, *, offset: bool = False) -> None:
        super().__init__()
        self.eps, self.offset = eps, offset
        self.weight = nn.Parameter(torch.full((width,), self.first))

    @property
    def first(self) -> float:
        return 0.0 if self.offset else 1.0

    def forward(self, x_BTD: Tensor) -> Tensor:
        wide = torch.promote_types(x_BTD.dtype, torch.float32)
        weight_D = self.weight.to(wide)
        weight_D = 1 + weight_D if self.offset else weight_D
        return rms_norm(x_BTD.to(wide), (x_BTD.shape[-1],), weight_D, self.eps).to(x_BTD.dtype)
