"""What a teacher says of each token, made from its hidden states without keeping its logits: for a cache of targets.

N tokens, E width of the teacher, V vocabulary, K most likely tokens.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ..cross_entropy import checks
from ..cross_entropy.chunks import Products
from ..cross_entropy.rows import blocks, lower, squash


@torch.no_grad()
def guesses(hidden_NE: Tensor, unembedding_VE: Tensor) -> Tensor:
    """The most likely token of each: int64 [N].  A cap or a temperature would not change it."""
    checks.last_layer(hidden_NE, unembedding_VE)
    found_N = torch.empty(hidden_NE.shape[0], dtype=torch.int64, device=hidden_NE.device)
    for part, z_CV in Products(unembedding_VE).logits(hidden_NE):
        found_N[part] = z_CV.argmax(1)
    return found_N


@torch.no_grad()
def top_k(
    hidden_NE: Tensor, unembedding_VE: Tensor, k: int, *, temperature: float = 1.0, cap: float | None = None
) -> tuple[Tensor, Tensor]:
    """The k most likely tokens of each, best first, and the logarithms of their probabilities: two [N, K]."""
    checks.last_layer(hidden_NE, unembedding_VE)
    checks.positive("temperature", temperature)
    checks.positive("cap", cap)
    checks.within("k", k, 1, unembedding_VE.shape[0])
    products = Products(unembedding_VE)
    ids_NK = torch.empty(hidden_NE.shape[0], k, dtype=torch.int64, device=hidden_NE.device)
    log_probs_NK = torch.empty_like(ids_NK, dtype=products.wide)
    for part, z_CV in products.logits(hidden_NE):
        for rows, _ in blocks(z_CV):
            z_RV = z_CV[rows]
            lower(z_RV, squash(z_RV, cap) / temperature)
            best_RK, found_RK = z_RV.topk(k, 1)
            ids_NK[part][rows] = found_RK
            log_probs_NK[part][rows] = best_RK - z_RV.exp_().sum(1, keepdim=True).log_()
    return ids_NK, log_probs_NK
