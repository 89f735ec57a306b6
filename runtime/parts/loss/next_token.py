"""Next-token prediction: the loss of pre-training, and what keeps experts in use beside it.

B rows, T positions, D width, N = B * T.
"""

from __future__ import annotations

from torch import Tensor

from ....compiler.plan.model import Phase
from ....kernels.cross_entropy.op import cross_entropy
from ..data.feed import IGNORED, Batch
from ..model.decoder import Decoder
from ..model.experts import Balance


def next_token(model: Decoder, batch: Batch, phase: Phase) -> Tensor:
    """Mean of -log p(next token) over every token of the batch that has a successor in its document."""
    balance = Balance()
    hidden_BTD = model.hidden(batch.tokens_BT, batch.documents_BT, phase.rope, balance)
    labels_N = batch.labels_BT.flatten()
    total = cross_entropy(
        hidden_BTD.flatten(0, 1), model.unembedding, labels_N, cap=model.arch.final_cap, ignore=IGNORED
    )
    total = total + unbalance(model, batch, balance)
    return total / (labels_N != IGNORED).sum()


def unbalance(model: Decoder, batch: Batch, balance: Balance) -> Tensor | float:
    """The weighted balance loss of each row, as often as the row has labels: part of a sum over tokens.

    So its share of the mean is that of transformers where a batch has one row, and rows add up in any batch.
    """
    experts = model.arch.experts
    if not experts or not experts.balance:
        return 0.0
    labels_B = (batch.labels_BT != IGNORED).sum(-1)
    return experts.balance * (balance.loss_B() * labels_B).sum()
