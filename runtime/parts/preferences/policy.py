"""What a policy learns of pairs: its own log-probabilities of both answers against those of a frozen reference.

B pairs, T positions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ....compiler.plan.model import DpoWork, Phase
from ...errors import StageError
from ..data.feed import IGNORED, Batch
from ..loss.log_probs import label_log_probs
from ..loss.preference import held_to_reference
from ..model.decoder import Decoder
from .batches import Compared, Example, batch

_TOKENS = 1 << 14  # of a reference's batch at most
CHOSEN, REJECTED = 0, 1


@dataclass(frozen=True)
class HeldToReference:
    """`loss(...)` of the work, summed over pairs; a batch's own tensor holds the reference's log-probabilities [B, 2].

    To it comes `nll` times the cross-entropy of the chosen answer, the mean over its tokens, with the template's own
    tokens whatever the comparison leaves out: they are to stay as they are (Llama 3, section 4.1.4).
    """

    work: DpoWork

    def __call__(self, model: Decoder, batch: Batch, phase: Phase) -> tuple[Tensor, Mapping[str, Tensor]]:
        assert isinstance(batch, Compared)
        logs_BT = _spread(model, batch, phase.rope)
        (reference_B2,) = batch.own
        h_B2 = answers(batch, logs_BT, self.work.length) - reference_B2
        chosen_B, rejected_B = h_B2[:, CHOSEN], h_B2[:, REJECTED]
        losses_B = held_to_reference(self.work.loss, self.work.beta, chosen_B, rejected_B)
        told = {
            "accuracy": _over(chosen_B, rejected_B).sum(),
            "chosen": chosen_B.detach().sum(),
            "rejected": rejected_B.detach().sum(),
        }
        if self.work.nll:
            learnt_BT = (batch.labels_BT != IGNORED) & (batch.answers_BT == CHOSEN)
            nll_B = -(logs_BT * learnt_BT).sum(-1) / learnt_BT.sum(-1)
            losses_B = losses_B + self.work.nll * nll_B
            told["nll"] = nll_B.detach().sum()
        return losses_B.sum(), told


def answers(batch: Compared, logs_BT: Tensor, length: str) -> Tensor:
    """Log-probabilities [B, 2] of the two answers, over the tokens that are compared: their sum, or their mean."""
    found: list[Tensor] = []
    for number in (CHOSEN, REJECTED):
        own_BT = batch.compared_BT & (batch.answers_BT == number)
        total_B = (logs_BT * own_BT).sum(-1)
        found.append(total_B / own_BT.sum(-1).clamp(min=1) if length == "mean" else total_B)
    return torch.stack(found, -1)


@torch.no_grad()
def of_reference(
    model: Decoder, examples: Sequence[Example], length: str, compute: str, places: Sequence[int]
) -> Tensor:
    """What a reference says of the answers of some examples: [places, 2], on the CPU."""
    size = len(places), 2
    found_N2 = torch.zeros(size)
    for start, end in _parts([examples[place].tokens for place in places]):
        one = batch([examples[place] for place in places[start:end]], (), 0).to(model.device)
        with torch.autocast(model.device.type, torch.bfloat16, enabled=compute == "bf16"):
            found_N2[start:end] = answers(one, _spread(model, one, None), length).float().cpu()
    return found_N2


def _parts(sizes: Sequence[int]) -> list[tuple[int, int]]:
    """Stretches of so many tokens at most, or of one example."""
    found: list[tuple[int, int]] = []
    start = total = 0
    for at, size in enumerate(sizes):
        if at > start and total + size > _TOKENS:
            found.append((start, at))
            start, total = at, 0
        total += size
    return [*found, (start, len(sizes))] if sizes else found


def _spread(model: Decoder, batch: Compared, rope: float | None) -> Tensor:
    """log p of every label [B, T], read without padding; 0 where there is none."""
    flat, kept_BT = batch.flat()
    logs_N = label_log_probs(model, flat, rope)
    return logs_N.new_zeros(kept_BT.shape).masked_scatter(kept_BT, logs_N)


def _over(one: Tensor, other: Tensor) -> Tensor:
    """A tie tells nothing, and counts half."""
    return (one > other).float() + 0.5 * (one == other).float()


def same_vocabulary(policy: Decoder, reference: Decoder, step: str) -> None:
    if policy.arch.vocab != reference.arch.vocab:
        raise StageError(
            "RUN213",
            "reference-of-another-vocabulary",
            f"the reference of `{step}` embeds {reference.arch.vocab} ids, and its policy {policy.arch.vocab}",
            help=("take the model that the stage begins from, or an earlier one of the same arch",),
            step=step,
        )
