"""A student's own answers as batches: what it writes after each prompt, and how much each token counts.

What a step gets depends on the plan, the number of the step and the student's weights alone, so a stage that was
cut off goes on with the very same answers.

B rows, T positions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from ....compiler.plan.model import DistillWork, Phase
from ..data.feed import IGNORED, Batch, batch_of
from ..data.order import permutation
from ..data.packing import NONE
from ..model.decoder import Decoder
from ..model.generate import generate
from ..seeds import seed


class Answers:
    """One answer a row, behind its prompt; an epoch is a pass over the prompts, each time in another order."""

    def __init__(self, work: DistillWork, model: Decoder, prompts: Sequence[list[int]], end: int) -> None:
        assert work.on_policy
        self._work, self._policy, self._model, self._prompts, self._end = (
            work,
            work.on_policy,
            model,
            prompts,
            end,
        )
        self._order = lru_cache(maxsize=2)(self._shuffled)
        self._step = 0

    def batch(self, step: int) -> Batch:
        """Answers that the student gives as it is now."""
        phase, asked = self._asked(step)
        self._step = step + 1
        replies = generate(
            self._model,
            asked,
            max_new=self._policy.max_new,
            stop=frozenset({self._end}),
            temperature=self._policy.temperature,
            rng=seed(self._work.rng, "answers", self._work.earlier, step),
            rope=phase.rope,
        )
        answers = [reply if len(reply) == self._policy.max_new else [*reply, self._end] for reply in replies]
        return rows(asked, answers, phase.context)

    def drawn(self) -> dict[str, int]:
        return {}

    def state(self) -> dict[str, Any]:
        return {"step": self._step}

    def load(self, state: Mapping[str, Any]) -> None:
        self._step = state["step"]

    def _asked(self, step: int) -> tuple[Phase, list[list[int]]]:
        """The phase of a step, and its prompts."""
        before, start = 0, 0
        for phase in self._work.phases:
            if step < start + phase.steps:
                first = before + (step - start) * phase.sequences
                return phase, [self._prompt(first + row) for row in range(phase.sequences)]
            before, start = before + phase.steps * phase.sequences, start + phase.steps
        raise ValueError(f"step {step} is beyond the stage's end")

    def _prompt(self, position: int) -> list[int]:
        epoch, place = divmod(position, len(self._prompts))
        return self._prompts[int(self._order(epoch)[place])]

    def _shuffled(self, epoch: int) -> Tensor:
        return permutation(len(self._prompts), seed(self._work.rng, "prompts", self._work.earlier, epoch))


def rows(prompts: Sequence[list[int]], answers: Sequence[list[int]], context: int) -> Batch:
    """Prompts with their answers, whose tokens alone are labels.

    A token of an answer y weighs 1 / |y| of its row: divided by the labels of all rows, as the loop does, a sum of
    weighted losses is the mean over answers of the mean over their tokens (GKD, arXiv:2306.13649, section 3).
    """
    ids_BS = torch.zeros(len(prompts), context + 1, dtype=torch.int64)
    documents_BS = torch.full_like(ids_BS, NONE)
    for row, (prompt, answer) in enumerate(zip(prompts, answers, strict=True)):
        size = len(prompt) + len(answer)
        ids_BS[row, :size] = torch.tensor([*prompt, *answer])
        documents_BS[row, :size] = row
    batch = batch_of(ids_BS, documents_BS)
    given_B1 = torch.tensor([[len(prompt) - 1] for prompt in prompts])
    labels_BT = batch.labels_BT.masked_fill(torch.arange(context) < given_B1, IGNORED)
    sizes_B1 = torch.tensor([[float(len(answer))] for answer in answers])
    weights_BT = (sizes_B1.sum() / len(answers) / sizes_B1).expand(labels_BT.shape)
    return replace(batch, labels_BT=labels_BT, beside=(weights_BT.contiguous(),))
