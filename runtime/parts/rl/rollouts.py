"""The answers that an `rl` stage learns from: drawn from the policy as it is, judged, held for the steps on them.

What a batch of answers is depends on the plan, on the number of its first step and on the weights of policy and
reference at that step alone.  Steps on one batch of answers share it, so a state between two of them holds it.

P prompts, K answers to each, B = P * K rows, T positions.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import pad

from ....compiler.plan.model import Phase, RlWork
from ..chat.rows import Prompt
from ..data.feed import IGNORED, Batch
from ..data.order import permutation
from ..data.vocabulary import Vocabulary
from ..judging.asked import Asked, Judge
from ..loss.log_probs import label_log_probs
from ..model.decoder import Decoder
from ..model.generate import Ask, How, replies
from ..seeds import seed
from .advantages import Baseline, against_group, leave_one_out

TOLD: tuple[str, ...] = ("reward", "kl", "length", "cut")
"""Of each answer: what the judge gave, the log-ratio to the reference, its tokens, and whether it was cut off."""
_FIRST = 5
"""Batches of answers whose mean reward is told as the first."""
_TOKENS = 1 << 14
"""That go through a model at once where no gradient is made."""


class Beside(NamedTuple):
    """What a loss reads of each row beside its tokens."""

    advantages_B: Tensor
    last_BT: Tensor
    """Log-probabilities that the policy gave the labels when it drew them."""
    reference_BT: Tensor
    told_BF: Tensor


@dataclass(frozen=True, eq=False)
class Answers(Batch):
    """One answer a row, behind its prompt.  What is learnt of them is a mean over answers."""

    context: int = 0
    tokens: int = 0
    """Of prompts and answers, without what fills the rows up."""

    @property
    def terms(self) -> Tensor:
        return torch.tensor(self.tokens_BT.shape[0])

    def fullest(self) -> Answers:
        """Its first row, filled up to the context."""
        first = next(self.split(1))
        more = self.context - first.tokens_BT.shape[1]
        found = Beside(*first.beside)
        last_BT, reference_BT = (pad(one, (0, more)) for one in (found.last_BT, found.reference_BT))
        return replace(
            first,
            tokens_BT=pad(first.tokens_BT, (0, more)),
            labels_BT=pad(first.labels_BT, (0, more), value=IGNORED),
            documents_BT=pad(first.documents_BT, (0, more)),
            beside=tuple(found._replace(last_BT=last_BT, reference_BT=reference_BT)),
        )


@dataclass(frozen=True)
class Question:
    prompt: Prompt
    ids: list[int]


class Rollouts:
    """Groups of answers, one answer a row; an epoch is a pass over the prompts, each time in another order."""

    def __init__(
        self,
        work: RlWork,
        policy: Decoder,
        reference: Decoder,
        judge: Judge,
        questions: Sequence[Question],
        words: Vocabulary,
        stops: frozenset[int],
    ) -> None:
        self.reference = reference.eval().requires_grad_(False)
        self._work, self._policy, self._judge, self._questions = work, policy, judge, questions
        self._words, self._stops = words, stops
        self._order = lru_cache(maxsize=2)(self._shuffled)
        self._baseline = Baseline()
        self._step = self._followed = self.tokens = 0
        self._held: Answers | None = None
        self._rewards = list[float]()

    # ---- as the loop asks ----------------------------------------------------------------

    def batch(self, step: int) -> Answers:
        self._follow(step)
        phase, place, before = self._place(step)
        if place % self._work.algorithm.inner == 0:
            self._held = self._answered(step, phase, self._asked(phase, place, before))
        assert self._held
        self._step = step + 1
        self.tokens += self._held.tokens
        return self._held

    def drawn(self) -> dict[str, int]:
        return {}

    def state(self) -> dict[str, Any]:
        told = {"step": self._step, "followed": self._followed, "rewards": self._rewards}
        return told | {"tokens": self.tokens, "baseline": self._baseline.state()}

    def load(self, state: Mapping[str, Any]) -> None:
        self._step, self._followed = state["step"], state["followed"]
        self._rewards, self.tokens = list(state["rewards"]), state["tokens"]
        self._baseline.load(state["baseline"])

    def tensors(self) -> dict[str, Tensor]:
        """The answers, where the next step is on them too, and a reference that moves."""
        columns = self._columns()
        found = {f"held.{at}": one for at, one in enumerate(columns)}
        if columns and self._held:
            found["about"] = torch.tensor([self._held.context, self._held.tokens])
        if self._work.ema is not None:
            found |= {f"reference.{name}": one for name, one in self.reference.named_parameters()}
        return found

    @torch.no_grad()
    def hold(self, tensors: Mapping[str, Tensor]) -> None:
        held = [tensors[f"held.{at}"] for at in range(sum(name.startswith("held.") for name in tensors))]
        if held:
            self._held = Answers(held[0], held[1], held[2], tuple(held[3:]), *tensors["about"].tolist())
        for name, one in self.reference.named_parameters():
            if (kept := tensors.get(f"reference.{name}")) is not None:
                one.copy_(kept)

    @property
    def first(self) -> float:
        """The mean reward of the first batches of answers."""
        return sum(self._rewards) / len(self._rewards)

    def _columns(self) -> tuple[Tensor, ...]:
        if self._held is None or self._step >= self._work.steps:
            return ()
        _, place, _ = self._place(self._step)
        if place % self._work.algorithm.inner == 0:
            return ()
        return (self._held.tokens_BT, self._held.labels_BT, self._held.documents_BT, *self._held.beside)

    # ---- what is asked -------------------------------------------------------------------

    def _place(self, step: int) -> tuple[Phase, int, int]:
        """The phase of a step, its number there, and the prompts that were asked in phases before."""
        before, start, work = 0, 0, self._work
        for phase in work.phases:
            if step < start + phase.steps:
                return phase, step - start, before
            start += phase.steps
            before += -(-phase.steps // work.algorithm.inner) * (phase.sequences // work.algorithm.rollouts)
        raise ValueError(f"step {step} is beyond the stage's end")

    def _asked(self, phase: Phase, place: int, before: int) -> list[Question]:
        """Prompts of a batch, each as often as it is answered."""
        algorithm = self._work.algorithm
        groups = phase.sequences // algorithm.rollouts
        first = before + place // algorithm.inner * groups
        asked = (self._question(first + group) for group in range(groups))
        return [one for one in asked for _ in range(algorithm.rollouts)]

    def _question(self, position: int) -> Question:
        epoch, place = divmod(position, len(self._questions))
        return self._questions[int(self._order(epoch)[place])]

    def _shuffled(self, epoch: int) -> Tensor:
        return permutation(len(self._questions), seed(self._work.rng, "prompts", self._work.earlier, epoch))

    # ---- what is answered ------------------------------------------------------------------

    @torch.no_grad()
    def _answered(self, step: int, phase: Phase, asked: Sequence[Question]) -> Answers:
        answers = self._answers(step, phase, asked)
        scores = self._judge(answers)
        batch = rows([one.given for one in answers], [one.ids for one in answers])
        last_BT, reference_BT = (self._logs(model, batch, phase) for model in (self._policy, self.reference))
        kl_B = (last_BT - reference_BT).sum(1).double().cpu()
        lengths_B = torch.tensor([float(len(one.ids)) for one in answers], dtype=torch.float64)
        cut_B = torch.tensor([0.0 if one.ended else 1.0 for one in answers], dtype=torch.float64)
        rewards_B = torch.tensor(scores, dtype=torch.float64)
        if len(self._rewards) < _FIRST:
            self._rewards.append(rewards_B.mean().item())
        told_BF = torch.stack([rewards_B, kl_B, lengths_B, cut_B], 1).float()
        rewards_B = rewards_B - self._work.length_penalty * lengths_B - self._work.cut_penalty * cut_B
        if self._work.algorithm.kind != "grpo":  # whose loss holds it to the reference, token by token
            rewards_B = rewards_B - self._work.kl * kl_B
        advantages_B = self._advantages(rewards_B).float()
        beside = Beside(advantages_B, last_BT.cpu(), reference_BT.cpu(), told_BF)
        return replace(batch, beside=tuple(beside), context=phase.context)

    def _answers(self, step: int, phase: Phase, asked: Sequence[Question]) -> list[Asked]:
        work, drawn = self._work, seed(self._work.rng, "answers", self._work.earlier, step)
        asks = [Ask(one.ids, seed(drawn, "generate", at)) for at, one in enumerate(asked)]
        how = How(work.max_new, self._stops, work.temperature, rope=phase.rope)
        return [
            Asked(one.prompt, self._words.decode(reply.ids).strip(), reply.ended, one.ids, reply.whole)
            for one, reply in zip(asked, replies(self._policy, asks, how), strict=True)
        ]

    def _logs(self, model: Decoder, batch: Batch, phase: Phase) -> Tensor:
        count = max(1, _TOKENS // batch.tokens_BT.shape[1])
        device, bf16 = model.device.type, self._work.compute == "bf16"
        with torch.autocast(device, torch.bfloat16, enabled=bf16):
            parts = [
                label_log_probs(model, part.to(model.device), phase.rope, self._work.temperature)
                for part in batch.split(count)
            ]
        return torch.cat(parts)

    def _advantages(self, rewards_B: Tensor) -> Tensor:
        algorithm = self._work.algorithm
        if algorithm.kind == "reinforce":
            return self._baseline.advantages(rewards_B)
        rewards_PK = rewards_B.unflatten(0, (-1, algorithm.rollouts))
        made = against_group if algorithm.kind == "grpo" else leave_one_out
        return made(rewards_PK).flatten()

    @torch.no_grad()
    def _follow(self, step: int) -> None:
        """A reference that moves takes in what the step before this one made of the policy."""
        if self._work.ema is None or step <= self._followed:
            return
        for slow, one in zip(self.reference.parameters(), self._policy.parameters(), strict=True):
            slow.lerp_(one, self._work.ema)
        self._followed = step


def rows(prompts: Sequence[list[int]], answers: Sequence[list[int]]) -> Answers:
    """Prompts with their answers, whose tokens alone are labels; as wide as the longest of them.

    What fills a row up stands behind everything that is looked at, and needs no document of its own.
    """
    whole = [[*prompt, *answer] for prompt, answer in zip(prompts, answers, strict=True)]
    size = max(map(len, whole))
    ids_BS = torch.tensor([row + [0] * (size - len(row)) for row in whole])
    at_S = torch.arange(1, size)
    given_B1 = torch.tensor([[len(prompt)] for prompt in prompts])
    ends_B1 = torch.tensor([[len(row)] for row in whole])
    labels_BT = ids_BS[:, 1:].masked_fill((at_S < given_B1) | (at_S >= ends_B1), IGNORED)
    documents_BT = torch.arange(len(whole))[:, None].expand(-1, size - 1).contiguous()
    tokens = sum(map(len, whole))
    return Answers(ids_BS[:, :-1].contiguous(), labels_BT, documents_BT, tokens=tokens)


def fitting(questions: Iterable[Question], most: int) -> tuple[list[Question], list[int]]:
    """The questions of so many tokens at most, and the lengths of the others."""
    fit, long = list[Question](), list[int]()
    for one in questions:
        if len(one.ids) <= most:
            fit.append(one)
        else:
            long.append(len(one.ids))
    return fit, long
