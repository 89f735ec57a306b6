"""How well a judge tells better answers from worse, over all and by level of preference.

`accuracy` is the share of pairs whose better answer it scores higher, `predicted` the mean of s(gap), which is what it
says that share is, and `error` how far the two are apart over ten classes of equal size, weighted by their pairs.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import torch
from torch import Tensor

from ..preferences.batches import NONE, Example
from .model import RewardModel

_CLASSES, _FEWEST = 10, 20
"""Classes of a calibration at most, and pairs of each at least."""


def measured(model: RewardModel, examples: Sequence[Example]) -> dict[str, Any]:
    """All ordered pairs of some examples, and those of every level by itself."""
    scores_N = model.scores([answer.ids.tolist() for example in examples for answer in example.answers])
    scores = scores_N.split([len(example.answers) for example in examples])
    gaps: list[Tensor] = []
    levels: list[int] = []
    for example, own_A in zip(examples, scores, strict=True):
        for better, worse in combinations(range(len(own_A)), 2):
            gaps.append(own_A[better] - own_A[worse])
            levels.append(example.level)
    gaps_N, levels_N = torch.stack(gaps).double(), torch.tensor(levels)
    by_level = {
        "none" if level == NONE else str(level): _told(gaps_N[levels_N == level])
        for level in levels_N.unique().tolist()
    }
    return {**_told(gaps_N), "levels": by_level}


def _told(gaps_N: Tensor) -> dict[str, Any]:
    right_N = (gaps_N > 0).double() + 0.5 * (gaps_N == 0)
    return {
        "pairs": len(gaps_N),
        "accuracy": right_N.mean().item(),
        "predicted": gaps_N.sigmoid().mean().item(),
        "error": _error(gaps_N, right_N),
        "gap": gaps_N.mean().item(),
    }


def _error(gaps_N: Tensor, right_N: Tensor) -> float:
    """Of what the judge is more sure of than not, as a coin's two sides are one question."""
    sure_N = gaps_N.abs().sigmoid()
    order_N = sure_N.argsort(stable=True)
    classes = max(1, min(_CLASSES, len(gaps_N) // _FEWEST))
    parts = zip(sure_N[order_N].tensor_split(classes), right_N[order_N].tensor_split(classes), strict=True)
    return sum(abs((sure.sum() - right.sum()).item()) for sure, right in parts) / len(gaps_N)
