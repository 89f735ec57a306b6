"""What a judge learns: to score the better of two answers higher, and to grade each by itself.

B rows, T positions, A answers of a row, G things that are graded, P ordered pairs of a batch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from ....compiler.plan.model import Phase, RewardWork
from ..data.feed import Batch
from ..loss.preference import ranked
from ..model.decoder import Decoder
from ..preferences.batches import NONE, Compared, Example
from .model import GRADED, RewardModel

MOST = 3
"""Answers of a row: what people wrote themselves, the chosen and the rejected one."""


def own(places: Sequence[tuple[str, int]], examples: Sequence[Example]) -> tuple[Tensor, Tensor]:
    """The level [B] of every row, and the grades [B, A, G] of its answers, from the last answer backwards."""
    grades = torch.full((len(examples), MOST, len(GRADED)), NONE)
    for row, example in enumerate(examples):
        for number, one in enumerate(example.grades):
            grades[row, number] = torch.tensor(one)
    return torch.tensor([example.level for example in examples]), grades


@dataclass(frozen=True)
class Ranking:
    """The loss of every ordered pair of a row, summed: a row of three answers, each better than the next, has three.

    Without a margin -log s(u - v) (Llama 3); with one, a pair of the strongest level is to be 1 apart and one of the
    least 0 (Llama 2); `soft_label` learns the share of people that a level stands for (AFM).  `grading` times
    the cross-entropy of every grade that is known comes to it.
    """

    work: RewardWork

    def __call__(self, model: Decoder, batch: Batch, phase: Phase) -> tuple[Tensor, Mapping[str, Tensor]]:
        assert isinstance(batch, Compared)
        assert isinstance(model, RewardModel)
        last_BAD, there_BA = _last(model, batch, phase.rope)
        scores_BA = model.judged(last_BAD.flatten(0, 1)).unflatten(0, there_BA.shape)
        levels_B, grades_BAG = batch.own
        total = scores_BA.new_zeros(())
        right, apart = torch.zeros_like(total), torch.zeros_like(total)
        for better, worse in combinations(range(there_BA.shape[1]), 2):
            both_B = there_BA[:, better] & there_BA[:, worse]
            gap_B = scores_BA[:, better] - scores_BA[:, worse]
            total = total + (self._losses(gap_B, levels_B) * both_B).sum()
            gap_B = gap_B.detach() * both_B
            right = right + (gap_B > 0).sum() + 0.5 * ((gap_B == 0) & both_B).sum()
            apart = apart + gap_B.sum()
        told = {"accuracy": right, "gap": apart}
        if self.work.grading is not None:
            grading = graded(model, last_BAD, grades_BAG[:, : there_BA.shape[1]], there_BA)
            told["grading"] = grading.detach()
            total = total + self.work.grading * grading
        return total, told

    def _losses(self, gap_B: Tensor, levels_B: Tensor) -> Tensor:
        if self.work.loss == "soft_label":
            shares = [float(share) for share in reversed(self.work.levels)]
            return ranked(gap_B, agreeing=gap_B.new_tensor(shares)[levels_B.clamp(min=0)])
        if self.work.margin:
            return ranked(gap_B, margin=levels_B.clamp(min=0) / max(1, len(self.work.levels) - 1))
        return ranked(gap_B)


def graded(model: RewardModel, last_BAD: Tensor, grades_BAG: Tensor, there_BA: Tensor) -> Tensor:
    """The sum of -log p(grade) over all grades that are known."""
    logits_NGC = model.graded(last_BAD.flatten(0, 1))
    known_BAG = grades_BAG.masked_fill(~there_BA[..., None], NONE)
    return cross_entropy(logits_NGC.flatten(0, 1), known_BAG.flatten(), ignore_index=NONE, reduction="sum")


def _last(model: RewardModel, batch: Compared, rope: float | None) -> tuple[Tensor, Tensor]:
    """The stream at the last token of every answer [B, A, D], and which answers are there [B, A]."""
    flat, kept_BT = batch.flat()
    hidden_ND = model.hidden(flat.tokens_BT, flat.documents_BT, rope)[0]
    at_BT = (kept_BT.flatten().cumsum(0) - 1).view_as(kept_BT)  # where a position went
    numbers_A = torch.arange(int(batch.answers_BT.max()) + 1, device=kept_BT.device)
    own_BAT = batch.answers_BT[:, None] == numbers_A[:, None]
    there_BA = own_BAT.any(-1)
    ends_BA = at_BT[:, None].expand(own_BAT.shape).masked_fill(~own_BAT, 0).amax(-1)
    return hidden_ND[ends_BA], there_BA
