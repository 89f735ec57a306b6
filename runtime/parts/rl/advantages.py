"""How much better an answer was than what could be expected: advantages out of rewards.

P prompts, K answers to each.  Rewards are constants here; nothing has a gradient.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

_EPS = 1e-4
"""Beside the deviation of a group, as TRL has it."""


def leave_one_out(rewards_PK: Tensor) -> Tensor:
    """Each reward less the mean of the other answers' to the same prompt: K / (K - 1) * (R - mean R).

    They add up to 0 over a prompt (RLOO, arXiv:2402.14740).
    """
    count = rewards_PK.shape[1]
    return (rewards_PK - rewards_PK.mean(1, keepdim=True)) * (count / (count - 1))


def against_group(rewards_PK: Tensor) -> Tensor:
    """In deviations from the mean of its group (GRPO, arXiv:2402.03300): (R - mean R) / (std R + 1e-4).

    The deviation is that of a sample, divided by K - 1.
    """
    deviation_P1 = rewards_PK.std(1, keepdim=True)
    return (rewards_PK - rewards_PK.mean(1, keepdim=True)) / (deviation_P1 + _EPS)


@dataclass
class Baseline:
    """The mean reward of all batches before, each counted alike; in the first batch, its own mean."""

    mean: float = 0.0
    batches: int = 0

    def advantages(self, rewards: Tensor) -> Tensor:
        """What REINFORCE weighs answers by, and the mean takes in the batch."""
        now = rewards.mean().item()
        found = rewards - (self.mean if self.batches else now)
        self.batches += 1
        self.mean += (now - self.mean) / self.batches
        return found

    def state(self) -> dict[str, Any]:
        return {"mean": self.mean, "batches": self.batches}

    def load(self, state: Mapping[str, Any]) -> None:
        self.mean, self.batches = state["mean"], state["batches"]
