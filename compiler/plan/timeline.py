"""One model's training from its first token to its last: context, batch, learning rate and mix on one axis.

The axis is tokens.  Stages differ by orders of magnitude, so whoever draws it gives each a
width of its own; within a stage, tokens are to scale.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import accumulate

from .model import Phase, Plan, TrainedWork, rate


@dataclass(frozen=True, slots=True)
class Moment:
    """What a stage does at one token: `shares` by corpus, of the sequences."""

    context: int
    batch: int
    lr: float
    shares: dict[str, Fraction]


@dataclass(frozen=True)
class Stage:
    """A stage of the lineage, from token `start` on."""

    address: str
    kind: str
    start: int
    work: TrainedWork
    ends: tuple[int, ...] = field(repr=False)
    """Tokens of the stage that are done at the end of each phase."""

    @property
    def tokens(self) -> int:
        return self.work.tokens

    def at(self, token: Fraction | int) -> Moment:
        """What holds once so many of the stage's tokens are done."""
        place = min(bisect_right(self.ends, token), len(self.ends) - 1)
        phase, before = self.work.phases[place], self.ends[place - 1] if place else 0
        part = min(Fraction(1), Fraction(token - before, phase.tokens))
        step = sum(one.steps for one in self.work.phases[:place]) + part * phase.steps
        lr = rate(self.work.lr, float(min(step, Fraction(self.work.steps))))
        return Moment(phase.context, phase.context * phase.sequences, lr, _shares(phase, part))


def _shares(phase: Phase, part: Fraction) -> dict[str, Fraction]:
    return {name: one.first + (one.last - one.first) * part for name, one in phase.shares.items()}


@dataclass(frozen=True, slots=True)
class Timeline:
    """The stages that trained a model, in order."""

    stages: tuple[Stage, ...]

    @property
    def tokens(self) -> int:
        return sum(stage.tokens for stage in self.stages)

    @property
    def corpora(self) -> list[str]:
        """Every corpus that is read, in the order of its first use."""
        names = (name for stage in self.stages for phase in stage.work.phases for name in phase.shares)
        return list(dict.fromkeys(names))


def timeline(plan: Plan, model: str = "") -> Timeline:
    """The timeline that ends with a model; by default that of the most running text, and of these the last.

    Raises KeyError where no step of that name comes to a model that was trained in steps that are known.
    """
    lineages: dict[str, list[Stage]] = {}
    readers: list[list[Stage]] = []
    for step in plan.steps:
        before = lineages.get(step.inputs.get("model", step.inputs.get("model:0", "")), [])
        work = step.work
        if isinstance(work, TrainedWork) and work.phases:
            ends = tuple(accumulate(phase.tokens for phase in work.phases))
            start = before[-1].start + before[-1].tokens if before else 0
            lineages[step.address] = [*before, Stage(step.address, work.kind, start, work, ends)]
            if any(role.startswith("tokens:") for role in step.inputs):
                readers.append(lineages[step.address])
        else:
            lineages[step.address] = before
    if model:
        found = lineages[model]
        if not found:
            raise KeyError(model)
        return Timeline(tuple(found))
    return max(
        (Timeline(tuple(stages)) for stages in reversed(readers)),
        key=lambda one: one.tokens,
        default=Timeline(()),
    )
