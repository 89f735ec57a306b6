"""Cross-entropy of an unembedding as its definition says it.

N tokens, D width of the model, V entries of the vocabulary.
"""

from __future__ import annotations

import torch
from torch import Tensor


def cross_entropy(
    hidden_ND: Tensor,
    unembedding_VD: Tensor,
    labels_N: Tensor,
    *,
    cap: float | None = None,
    z_loss: float = 0.0,
    ignore: int = -100,
) -> Tensor:
    """The sum of -log softmax(z)[label] + z_loss · logsumexp(z)² over the labels that are not `ignore`.

    z = cap · tanh(h Wᵀ / cap), or h Wᵀ without a cap.  The cap is Gemma 2's (arXiv 2408.00118, §2); the
    second term is PaLM's z-loss (arXiv 2204.02311, §5).
    """
    kept_N = labels_N != ignore
    z_NV = logits(hidden_ND, unembedding_VD, cap)[kept_N]
    log_z_N = z_NV.logsumexp(-1)
    return (log_z_N - z_NV.gather(1, labels_N[kept_N, None])[:, 0] + z_loss * log_z_N**2).sum()


def log_probs(
    hidden_ND: Tensor,
    unembedding_VD: Tensor,
    labels_N: Tensor,
    *,
    cap: float | None = None,
    ignore: int = -100,
) -> Tensor:
    """log softmax(z)[label] of each token; 0 where the label is `ignore`."""
    kept_N = labels_N != ignore
    log_p_NV = torch.log_softmax(logits(hidden_ND, unembedding_VD, cap), -1)
    log_p_N = log_p_NV.gather(1, labels_N.where(kept_N, 0)[:, None])[:, 0]
    return log_p_N.where(kept_N, 0.0)


def logits(hidden_ND: Tensor, unembedding_VD: Tensor, cap: float | None) -> Tensor:
    """[N, V] in fp32 or wider."""
    wide = torch.promote_types(hidden_ND.dtype, torch.float32)
    z_NV = hidden_ND.to(wide) @ unembedding_VD.to(wide).T
    return z_NV if cap is None else cap * torch.tanh(z_NV / cap)
