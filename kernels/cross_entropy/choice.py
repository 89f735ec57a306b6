"""Which implementation serves a loss, and how many tokens' logits are made at once."""

from __future__ import annotations

import os

from torch import Tensor

CHUNK = {"cpu": 1 << 21, "cuda": 1 << 29}
"""Logits of a chunk, at most: 8 MB and 2 GB in fp32.

Forward and backward of 2 048 tokens at D 128, V 1 024 take 14.7 ms in chunks of 256, 14.2 of 512, 15.1 of 1 024,
16.4 in one, and 30.0 with the logits kept, on one thread of a Sapphire Rapids core; at D 256,
V 4 096: 100, 98, 107, 117, 187 ms.
"""
FEWEST = 256
"""Tokens of a chunk, at least: below, products of matrices slow down."""


def by_kernel(tensor: Tensor) -> bool:
    """Triton's kernels serve CUDA, and a CPU where Triton interprets them; else blocks of torch operations."""
    return tensor.is_cuda or os.environ.get("TRITON_INTERPRET") == "1"


def chunk_of(device: str, vocab: int) -> int:
    """Tokens of a chunk on a kind of device."""
    return max(FEWEST, CHUNK.get(device, CHUNK["cuda"]) // vocab)
