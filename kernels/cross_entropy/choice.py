"""Which implementation serves a loss, and how many tokens' logits are made at once."""

from __future__ import annotations

import os

from torch import Tensor

CHUNK = {"cpu": 1 << 21, "cuda": 1 << 29}
"""Logits of a chunk, at most: 8 MB and 2 GB in fp32."""
FEWEST = 256
"""Tokens of a chunk, at least, so that the products have rows to share the unembedding among."""


def by_kernel(tensor: Tensor) -> bool:
    """Triton's kernels serve CUDA, and a CPU where Triton interprets them; else blocks of torch operations."""
    return tensor.is_cuda or os.environ.get("TRITON_INTERPRET") == "1"


def chunk_of(device: str, vocab: int) -> int:
    """Tokens of a chunk on a kind of device."""
    return max(FEWEST, CHUNK.get(device, CHUNK["cuda"]) // vocab)
