"""The gated feed-forward, SwiGLU (Shazeer 2020)."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn.functional import silu

from ....compiler.plan.model import Arch


class FeedForward(nn.Module):
    def __init__(self, arch: Arch) -> None:
        super().__init__()
        self.gate_proj = nn.Linear(arch.width, arch.ffn, bias=False)
        self.up_proj = nn.Linear(arch.width, arch.ffn, bias=False)
        self.down_proj = nn.Linear(arch.ffn, arch.width, bias=False)

    def forward(self, x_BTD: Tensor) -> Tensor:
        return self.down_proj(silu(self.gate_proj(x_BTD)) * self.up_proj(x_BTD))
