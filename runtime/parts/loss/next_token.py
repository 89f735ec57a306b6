"""Next-token prediction: the loss of pre-training, and what keeps experts in use beside it.

B rows, T positions, D width, N = B * T.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ....compiler.plan.model import Phase
from ....kernels.cross_entropy.op import cross_entropy
from ..data.feed import IGNORED, Batch
from ..model.decoder import Decoder
from ..model.experts import Balance


def next_token(model: Decoder, batch: Batch, phase: Phase, z_loss: float = 0.0) -> Tensor:
    """The sum of -log p(next token) over every token of the batch that has a successor in its document.

    With z_loss, of -log p + z_loss * log(Z)^2, Z the sum of exp(logits) (PaLM, arXiv:2204.02311, section 5);
    experts add what `unbalance` says.
    """
    balance = Balance()
    hidden_BTD = model.hidden(batch.tokens_BT, batch.documents_BT, phase.rope, balance)
    hidden_ND, unembedding_VD = rounded(hidden_BTD.flatten(0, 1), model.unembedding)
    with torch.autocast(hidden_ND.device.type, enabled=False):  # the kernel chooses its own dtypes
        total = cross_entropy(
            hidden_ND,
            unembedding_VD,
            batch.labels_BT.flatten(),
            cap=model.arch.final_cap,
            z_loss=z_loss,
            ignore=IGNORED,
        )
    return total + unbalance(model, batch, balance)


def rounded(*tensors: Tensor) -> tuple[Tensor, ...]:
    """What a kernel multiplies, in the dtype that products have here: autocast does not look into a kernel."""
    device = tensors[0].device.type
    if not torch.is_autocast_enabled(device):
        return tensors
    return tuple(tensor.to(torch.get_autocast_dtype(device)) for tensor in tensors)


def unbalance(model: Decoder, batch: Batch, balance: Balance) -> Tensor | float:
    """The weighted balance loss of each row, as often as the row has labels: part of a sum over tokens.

    So its share of the mean is that of transformers where a batch has one row, and rows add up in any batch.
    """
    experts = model.arch.experts
    if not experts or not experts.balance:
        return 0.0
    labels_B = (batch.labels_BT != IGNORED).sum(-1)
    return experts.balance * (balance.loss_B() * labels_B).sum()
