"""Low-rank additions to a model's matrices, which train in their place (Hu et al. 2021, arXiv:2106.09685).

W x becomes W x + (alpha / rank) B A x; A begins as a random matrix and B as 0, so that nothing changes at first.
They are kept under the names of PEFT's format, and merged into the weights when the stage ends.

R rank.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from ....compiler.plan.model import Lora
from ..seeds import seed
from .decoder import Decoder

FOLDER = "adapter"
_TARGETS = {
    "attention": ("q_proj", "k_proj", "v_proj", "o_proj"),
    "ffn": ("gate_proj", "up_proj", "down_proj"),
}


class LowRank(nn.Linear):
    """A linear layer that stands still, and what is added to it."""

    def __init__(self, of: nn.Linear, rank: int, scale: float, source: torch.Generator) -> None:
        nn.Module.__init__(self)
        self.in_features, self.out_features, self.scale = of.in_features, of.out_features, scale
        self.weight, self.bias = of.weight, of.bias
        bound = 1 / math.sqrt(of.in_features)  # what PEFT draws: Kaiming's uniform with a slope of √5
        first_RX = torch.empty(rank, of.in_features).uniform_(-bound, bound, generator=source)
        self.lora_A = nn.Linear(of.in_features, rank, bias=False)
        self.lora_A.weight = nn.Parameter(first_RX)
        self.lora_B = nn.Linear(rank, of.out_features, bias=False)
        nn.init.zeros_(self.lora_B.weight)

    def forward(self, input: Tensor) -> Tensor:
        return super().forward(input) + self.lora_B(self.lora_A(input)) * self.scale

    @torch.no_grad()
    def merged(self) -> nn.Linear:
        """The layer alone, with what was added to it."""
        made = nn.Linear(self.in_features, self.out_features, bias=self.bias is not None, device="meta")
        added = self.scale * (self.lora_B.weight.double() @ self.lora_A.weight.double())
        made.weight = nn.Parameter((self.weight.double() + added).to(self.weight.dtype))
        if self.bias is not None:
            made.bias = self.bias
        return made


def adapt(model: Decoder, lora: Lora, rng: int) -> int:
    """Put additions beside the matrices that were asked for, and let nothing else train; gives their parameters."""
    model.requires_grad_(False)
    wanted = [name for target in lora.targets for name in _TARGETS[target]]
    found = 0
    for name, module in list(model.named_modules()):
        for inner, child in list(module.named_children()):
            if inner in wanted and isinstance(child, nn.Linear):
                source = torch.Generator().manual_seed(seed(rng, "lora", f"{name}.{inner}"))
                setattr(module, inner, LowRank(child, lora.rank, lora.alpha / lora.rank, source))
    for name, parameter in model.named_parameters():
        if ".lora_" in name:
            parameter.requires_grad_(True)
            found += parameter.numel()
    return found


def write(model: Decoder, lora: Lora, folder: Path) -> None:
    """The additions in PEFT's format: `adapter_config.json` and `adapter_model.safetensors`."""
    (folder / FOLDER).mkdir()
    tensors = {
        f"base_model.model.{name}": parameter.detach().cpu().contiguous()
        for name, parameter in model.named_parameters()
        if ".lora_" in name
    }
    save_file(tensors, folder / FOLDER / "adapter_model.safetensors", metadata={"format": "pt"})
    config: dict[str, Any] = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": None,
        "r": lora.rank,
        "lora_alpha": lora.alpha,
        "lora_dropout": 0.0,
        "bias": "none",
        "fan_in_fan_out": False,
        "inference_mode": True,
        "init_lora_weights": True,
        "target_modules": [name for target in lora.targets for name in _TARGETS[target]],
    }
    (folder / FOLDER / "adapter_config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")


def merge(model: Decoder) -> None:
    """Weights alone again, with what was added to them."""
    for module in list(model.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, LowRank):
                setattr(module, name, child.merged())
    model.requires_grad_(True)
