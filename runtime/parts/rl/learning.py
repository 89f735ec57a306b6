"""What an `rl` stage takes from a batch of answers: the loss of its algorithm, and what is told beside it."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from ....compiler.plan.model import Phase, RlWork
from ..data.feed import IGNORED, Batch
from ..loss.log_probs import label_log_probs
from ..model.decoder import Decoder
from .losses import clipped, mirror_descent, policy_gradient
from .rollouts import TOLD, Beside


@dataclass(frozen=True)
class Learning:
    """The sum over answers, as is what is told."""

    work: RlWork

    def __call__(self, model: Decoder, batch: Batch, phase: Phase) -> tuple[Tensor, dict[str, Tensor]]:
        beside = Beside(*batch.beside)
        logs_BT = label_log_probs(model, batch, phase.rope, self.work.temperature)
        told = dict(zip(TOLD, beside.told_BF.sum(0).unbind(), strict=True))
        return self._loss(logs_BT, beside, batch.labels_BT != IGNORED), told

    def _loss(self, logs_BT: Tensor, beside: Beside, kept_BT: Tensor) -> Tensor:
        algorithm = self.work.algorithm
        match algorithm.kind:
            case "reinforce" | "rloo":
                return policy_gradient(logs_BT.sum(1), beside.advantages_B)
            case "mdloo":
                last_B = beside.last_BT.sum(1)
                return mirror_descent(logs_BT.sum(1), last_B, beside.advantages_B, algorithm.gamma)
            case "grpo":
                assert algorithm.clip is not None
                weights = {"clip": algorithm.clip, "beta": self.work.kl}
                ratios = (logs_BT, beside.last_BT, beside.reference_BT, beside.advantages_B)
                return clipped(*ratios, kept_BT, **weights)
