"""How many answers to each prompt a `sample` draws and keeps."""

from __future__ import annotations

from ..graph.blocks.calls import Best
from ..graph.blocks.sample import Sample
from ..graph.values import Interval, Pick


def drawn(sample: Sample) -> int:
    """Answers to each prompt, of all models together; the most where the run decides."""
    each = sample.per_prompt
    return (int(each.high.value) if isinstance(each, Interval) else each) * _members(sample)


def least(sample: Sample) -> int:
    """The same, the fewest where the run decides."""
    each = sample.per_prompt
    return (int(each.low.value) if isinstance(each, Interval) else each) * _members(sample)


def _members(sample: Sample) -> int:
    """How many models answer; `top(4, …)` stands for four of them, or for all that there are."""
    return sum(min(one.count, len(one.of)) if isinstance(one, Pick) else 1 for one in sample.origin)


def kept(sample: Sample) -> int | None:
    """Answers to each prompt that have to be there: two for a pair; None where all stay or a share does."""
    if sample.keep == "extremes":
        return 2
    return sample.keep.count if isinstance(sample.keep, Best) else None
