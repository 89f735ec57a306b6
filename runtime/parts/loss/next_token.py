"""Next-token prediction: the loss of pre-training.

B rows, T positions, D width, N = B * T.
"""

from __future__ import annotations

from torch import Tensor

from ....compiler.plan.model import Phase
from ....kernels.cross_entropy.op import cross_entropy
from ..data.feed import IGNORED, Batch
from ..model.decoder import Decoder


def next_token(model: Decoder, batch: Batch, phase: Phase) -> Tensor:
    """Mean of -log p(next token) over every token of the batch that has a successor in its document."""
    hidden_BTD = model.hidden(batch.tokens_BT, batch.documents_BT, phase.rope)
    labels_N = batch.labels_BT.flatten()
    total = cross_entropy(hidden_BTD.flatten(0, 1), model.unembedding, labels_N, ignore=IGNORED)
    return total / (labels_N != IGNORED).sum()
