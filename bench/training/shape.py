"""The model and the batch that everybody trains: 6 layers of width 384, a vocabulary of 8k, 8 x 512 tokens a step."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch

WIDTH, LAYERS, HEADS, FFN, VOCAB, CONTEXT, ROWS = 384, 6, 6, 1024, 8192, 512, 8
DOCUMENT = 256
"""Tokens of a packed document."""
LR = 3e-4

CPU = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
HAS_BF16 = "avx512_bf16" in CPU

Advance = Callable[[int], list[float]]
"""Takes so many steps, and gives the CPU seconds of each."""


def tokens(context: int, rows: int) -> torch.Tensor:
    """Ids [rows, context]."""
    return torch.randint(0, VOCAB, (rows, context), generator=torch.Generator().manual_seed(1))
