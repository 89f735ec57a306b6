"""The gated feed-forward: SwiGLU, or GeGLU with the tanh approximation (Shazeer 2020)."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn
from torch.nn.functional import gelu, silu

Activation = Literal["silu", "gelu_tanh"]


class FeedForward(nn.Module):
    def __init__(self, width: int, ffn: int, activation: Activation) -> None:
        super().__init__()
        self.activation: Activation = activation
        self.gate_proj = nn.Linear(width, ffn, bias=False)
        self.up_proj = nn.Linear(width, ffn, bias=False)
        self.down_proj = nn.Linear(ffn, width, bias=False)

    def forward(self, x_BTD: Tensor) -> Tensor:
        return self.down_proj(activated(self.gate_proj(x_BTD), self.activation) * self.up_proj(x_BTD))


def activated(gate: Tensor, activation: Activation) -> Tensor:
    return silu(gate) if activation == "silu" else gelu(gate, approximate="tanh")
