"""The loss of answers: next-token prediction where a batch has labels, and nothing computed where it has none.

B rows, T positions, D width, N labels.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ....compiler.plan.model import Phase
from ....kernels.cross_entropy.op import cross_entropy
from ..data.feed import IGNORED, Batch
from ..model.decoder import Decoder
from ..model.experts import Balance
from .next_token import rounded, unbalance


def answers(model: Decoder, batch: Batch, phase: Phase) -> Tensor:
    """The sum of -log p(label) over the labels: logits are made of their positions alone."""
    balance = Balance()
    hidden_BTD = model.hidden(batch.tokens_BT, batch.documents_BT, phase.rope, balance)
    taught_BT = batch.labels_BT != IGNORED
    hidden_ND, unembedding_VD = rounded(hidden_BTD[taught_BT], model.unembedding)
    with torch.autocast(hidden_ND.device.type, enabled=False):  # the kernel chooses its own dtypes
        cap = model.arch.final_cap
        total = cross_entropy(hidden_ND, unembedding_VD, batch.labels_BT[taught_BT], cap=cap, ignore=IGNORED)
    return total + unbalance(model, batch, balance)
