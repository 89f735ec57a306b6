"""One bench, one score: which suite measures it.

The `eval` stage and the gates of a training stage ask here.  A score is JSON: `suite`, `value`
-- the number that a gate compares and a table shows -- and what else the suite tells.
"""

from __future__ import annotations

from typing import Any

import torch

from ....compiler.plan.model import (
    Bench,
    ExactMatch,
    Harness,
    MultipleChoice,
    Needle,
    Perplexity,
    Preference,
)
from . import choices, exact, harness, needle, perplexity, preference
from .subject import Subject


@torch.no_grad()
def measure(subject: Subject, bench: Bench, rng: int) -> dict[str, Any]:
    """The score of a model at a bench.  The model's mode is as before, and no random state is touched."""
    was_training = subject.model.training
    subject.model.eval()
    try:
        return {"suite": bench.suite, **_score(subject, bench, rng)}
    finally:
        subject.model.train(was_training)


def _score(subject: Subject, bench: Bench, rng: int) -> dict[str, Any]:
    match bench:
        case Perplexity():
            return perplexity.score(subject, bench)
        case ExactMatch():
            return exact.score(subject, bench)
        case MultipleChoice():
            return choices.score(subject, bench)
        case Needle():
            return needle.score(subject, bench, rng)
        case Preference():
            return preference.score(subject, bench)
        case Harness():
            return harness.score(subject, bench)


def within(bench: Bench, context: int) -> Bench:
    """The bench at no more than this context: a model on its way is not asked for what it has not seen."""
    if isinstance(bench, ExactMatch) or bench.context <= context:
        return bench
    return bench.model_copy(update={"context": context})
