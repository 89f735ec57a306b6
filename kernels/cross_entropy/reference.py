"""Cross-entropy of an unembedding as its definition says it."""

from __future__ import annotations

import torch
from torch import Tensor


def cross_entropy(hidden_ND: Tensor, unembedding_VD: Tensor, labels_N: Tensor, ignore: int = -100) -> Tensor:
    """The sum of -log softmax(h W^T)[label] over the labels that are not `ignore`."""
    log_p_NV = torch.log_softmax(hidden_ND @ unembedding_VD.T, -1)
    kept_N = labels_N != ignore
    return -log_p_NV[kept_N].gather(1, labels_N[kept_N, None]).sum()
