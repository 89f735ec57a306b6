"""Which implementation serves a loss, and how many tokens' logits are made at once."""

from __future__ import annotations

from torch import Tensor

from .. import choose

CHUNK = {"cpu": 1 << 21, "cuda": 1 << 29}
"""Logits of a chunk, at most: 8 MB and 2 GB in fp32."""
FEWEST = 256
"""Tokens of a chunk, at least, so that the products have rows to share the unembedding among."""


def by_kernel(tensor: Tensor) -> bool:
    """Triton's kernels, where they can serve, else blocks of torch operations."""
    return choose.loss(choose.machine(tensor.device), tensor.dtype).implementation == "triton"


def chunk_of(device: str, vocab: int) -> int:
    """Tokens of a chunk on a kind of device."""
    return max(FEWEST, CHUNK.get(device, CHUNK["cuda"]) // vocab)
