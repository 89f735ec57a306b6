"""How learning rates of neighbouring stages meet."""

from __future__ import annotations

from fractions import Fraction

from ..graph.blocks.distill import Distill
from ..graph.blocks.train import Train
from ..graph.blocks.trained import Trained
from ..units import Quantity
from .spec import Spec

_END = Quantity(Fraction(1))


def end_rate(stage: Trained, spec: Spec) -> Fraction | None:
    """The learning rate that a stage ends with, or None where only a run can tell."""
    if not stage.lr.moves:
        return stage.lr.start.value
    if spec.course(stage) is None:
        return None
    found = spec.graph.derived.reached(stage.lr, stage, _END)
    return found.value if isinstance(found, Quantity) else None


def before(stage: Trained, spec: Spec) -> tuple[Trained, Fraction] | None:
    """The pre-training stage that a pre-training stage goes on from, and the rate that it ended with."""
    above = spec.parent(stage)
    if not isinstance(stage, Train | Distill) or not isinstance(above, Train | Distill):
        return None
    if stage.reads is None or above.reads is None:  # on-policy distillation is post-training
        return None
    rate = end_rate(above, spec)
    return (above, rate) if rate is not None else None


def warms_up(stage: Trained) -> bool:
    """Whether the rate begins by gliding up."""
    leg = stage.lr.legs[0] if stage.lr.legs else None
    return leg is not None and leg.glides and leg.value.value > stage.lr.start.value


def peak(stage: Trained) -> Fraction:
    """The highest rate that a stage names."""
    return max(value.value for value, _ in stage.lr.values)
