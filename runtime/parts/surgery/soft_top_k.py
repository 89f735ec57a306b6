"""Soft-Top-K: of F scores, a mask between 0 and 1 that sums to k (CoDA, arXiv:2304.04947).

AFM prunes with it (arXiv:2407.21075, section 3.2); `mask` trains one in every feed-forward.
"""

from __future__ import annotations

import torch
from torch import Tensor


def soft_top_k(scores_F: Tensor, k: Tensor | float, eps: Tensor | float) -> Tensor:
    """The mask m = exp((s + b + a) / eps) at the fixed point of

    a = eps * ln k - eps * logsumexp((s + b) / eps) and b = min(-(s + a), 0),

    for 0 < k <= F.  There m = min(1, exp((s + a) / eps)), and a is what makes it sum to k.  So the n largest
    scores keep all, the others share k - n as a softmax does, and n is the fewest for which none of them gets
    more than 1: one sort finds it.  Iterating from b = 0 comes to the same, but slowly: with scores of
    variance 1, eps = 0.05 and k = 16 the mask still sums to 15.8 after 50 rounds.

    Where n holds still the softmax is all that a score moves, so its gradient is that of the fixed point:
    dm = m / eps * (ds - sum(m * ds) / (k - n)) over those that share.
    """
    z_F = scores_F / eps
    k = torch.as_tensor(k, dtype=z_F.dtype, device=z_F.device)
    with torch.no_grad():
        places_F = torch.arange(z_F.numel(), device=z_F.device)
        sorted_F, order_F = z_F.sort(descending=True)
        rest_F = sorted_F.flip(0).logcumsumexp(0).flip(0)
        exceeds_F = (k - places_F).clamp(min=0).log() + sorted_F - rest_F > 0
        n = exceeds_F.long().cumprod(0).sum()
        full_F = torch.empty_like(exceeds_F).scatter(0, order_F, places_F < n)
    shared_F = (k - n) * z_F.masked_fill(full_F, -torch.inf).softmax(0)
    return torch.where(full_F, 1.0, shared_F.clamp(max=1.0))
