"""How likely a model finds what it answered: log-probabilities of labels, for losses that compare whole answers.

B rows, T positions, D width, V vocabulary, N = B * T.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ....kernels.cross_entropy.op import log_probs
from ..data.feed import IGNORED, Batch
from ..model.decoder import Decoder
from .next_token import rounded


def answer_log_probs(model: Decoder, batch: Batch, rope: float | None) -> tuple[Tensor, Tensor]:
    """Of each row the sum of log p(label), in fp32 or wider, and how many labels it has: both [B]."""
    logs_BT = label_log_probs(model, batch, rope)
    return logs_BT.sum(-1), (batch.labels_BT != IGNORED).sum(-1)


def label_log_probs(model: Decoder, batch: Batch, rope: float | None, temperature: float = 1.0) -> Tensor:
    """log p of every label [B, T], in fp32 or wider; 0 where a position has none.

    At a temperature it is that of what was drawn so: cap and hidden states are divided, which divides the capped
    logits.  Logits are made a chunk at a time, of positions with a label alone, and anew for the backward pass.
    """
    hidden_BTD = model.hidden(batch.tokens_BT, batch.documents_BT, rope)
    hidden_ND, unembedding_VD = rounded(hidden_BTD.flatten(0, 1), model.unembedding)
    labels_BT, cap = batch.labels_BT.to(hidden_ND.device), model.arch.final_cap
    if temperature != 1.0:
        hidden_ND, cap = hidden_ND / temperature, cap / temperature if cap else None
    with torch.autocast(hidden_ND.device.type, enabled=False):  # the kernel chooses its own dtypes
        logs_N = log_probs(hidden_ND, unembedding_VD, labels_BT.flatten(), cap=cap, ignore=IGNORED)
    return logs_N.view_as(labels_BT)
