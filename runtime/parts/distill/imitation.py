"""The losses of `distill`: how far a student is from what its teacher says, and beside it what the truth would cost.

N tokens, D width of the student, E of the teacher, V vocabulary.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ....compiler.plan.model import Convex, Distribution, OnPolicy, Phase, Target, TopK
from ....kernels.cross_entropy.op import cross_entropy
from ....kernels.distill import op
from ..data.feed import IGNORED, Batch
from ..loss.next_token import rounded, unbalance
from ..model.decoder import Decoder
from ..model.experts import Balance
from .teacher import Source


@dataclass(frozen=True, eq=False)
class Imitation:
    """Of a text's tokens; or of those of the student's own answers, which weigh what `batch.beside` says.

    `convex` is the cross-entropy against truth and best guess, mixed (AFM, arXiv:2407.21075, section 3): where they
    differ its floor is the mixture's entropy.  `distribution` is KL(teacher‖student): the cross-entropy of Gemma 2
    (arXiv:2408.00118, section 3) less the teacher's entropy, so the gradient is the same and the floor is 0.
    `top_k` is that of the k likeliest and of all others as one.  At a temperature T nothing is multiplied by T².
    """

    target: Target
    source: Source
    policy: OnPolicy | None = None

    def __call__(
        self, model: Decoder, batch: Batch, phase: Phase
    ) -> Tensor | tuple[Tensor, dict[str, Tensor]]:
        balance, said = Balance(), [one.flatten(0, 1) for one in self.source.says(batch)]
        hidden_BTD = model.hidden(batch.tokens_BT, batch.documents_BT, phase.rope, balance)
        hidden_ND, unembedding_VD = rounded(hidden_BTD.flatten(0, 1), model.unembedding)
        student = hidden_ND, unembedding_VD
        labels_N = batch.labels_BT.flatten()
        rest: dict[str, Any] = {"cap": model.arch.final_cap, "ignore": IGNORED}
        with torch.autocast(labels_N.device.type, enabled=False):  # the kernel chooses its own dtypes
            weights_N = batch.beside[0].flatten() if self.policy else None
            total = self._distance(student, said, labels_N, weights_N, rest) + unbalance(
                model, batch, balance
            )
            if self.policy:
                return total  # of an answer of its own there is no truth
            with torch.no_grad():
                return total, {"truth": cross_entropy(*student, labels_N, **rest)}

    def _distance(
        self,
        student: tuple[Tensor, Tensor],
        said: list[Tensor],
        labels_N: Tensor,
        weights_N: Tensor | None,
        rest: dict[str, Any],
    ) -> Tensor:
        match self.target:
            case Convex(teacher_top1=share):
                (guesses_N,) = said
                return op.convex(*student, labels_N, guesses_N, teacher=float(share), **rest)
            case TopK(temperature=temperature):
                ids_NK, log_probs_NK = said
                return op.top_k(
                    *student, ids_NK, log_probs_NK, labels_N, weights_N, temperature=temperature, **rest
                )
            case Distribution(temperature=temperature):
                (hidden_NE,) = said
                if self.policy:
                    rest |= {"kind": self.policy.divergence, "beta": self.policy.beta}
                return op.divergence(
                    *student,
                    hidden_NE,
                    self.source.unembedding.to(hidden_NE),
                    labels_N,
                    weights_N,
                    temperature=temperature,
                    teacher_cap=self.source.cap,
                    **rest,
                )
