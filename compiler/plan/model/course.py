"""How a training stage goes along: phases, learning rate, optimizer, what it saves, where it lies.

Fractions travel as strings ("42/100"), learning rates as floats; everything
else is an integer.  Positions along a stage are optimizer steps, counted from 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import cos, pi, sqrt
from typing import Annotated, Literal

from pydantic import Field

from .base import Exact, Frozen
from .origin import Origin

Curve = Literal["linear", "cosine", "sqrt", "exponential"]


class Segment(Frozen):
    """A learning rate from step `start` up to, not including, step `end`.

    At step s in the segment the value is `first + (last - first) * f((s - start) / (end - start))`
    with f the curve; a constant has `first == last`.
    """

    start: int
    end: int
    first: float
    last: float
    via: Curve = "linear"


def rate(segments: Sequence[Segment], step: float) -> float:
    """The learning rate with which step `step`, counted from 0, is taken."""
    segment = next((one for one in segments if one.start <= step < one.end), segments[-1])
    if segment.first == segment.last or step >= segment.end:
        return segment.last
    part = (step - segment.start) / (segment.end - segment.start)
    if segment.via == "exponential":
        return segment.first * (segment.last / segment.first) ** part
    return segment.first + (segment.last - segment.first) * _bend(segment.via, part)


def _bend(via: Curve, part: float) -> float:
    match via:
        case "cosine":
            return (1 - cos(pi * part)) / 2
        case "sqrt":
            return sqrt(part)
        case _:
            return part


class Share(Frozen):
    """A corpus's part of the sequences of a phase, moving on a straight line from `first` to `last`."""

    first: Exact
    last: Exact


class Phase(Frozen):
    """A stretch of a stage in which the shapes hold still."""

    steps: int = Field(description="optimizer steps")
    context: int = Field(description="tokens per sequence")
    sequences: int = Field(description="sequences per step")
    rope: float | None = Field(
        description="base of the rotary position embedding; None is the loaded model's own"
    )
    shares: dict[str, Share] = Field(
        description="corpus name to its share; they sum to 1 at every step, and are empty where prompts are read"
    )

    @property
    def tokens(self) -> int:
        return self.steps * self.sequences * self.context


class Move(Frozen):
    """Where the spec says that something of a stage's course changes."""

    step: int = Field(description="steps done when it changes")
    what: Literal["context", "batch", "rope", "data"]
    origin: Origin
    length: int = Field(description="characters from there")


class Leg(Frozen):
    """One arrow of a learning rate whose stage has no known length yet."""

    glides: bool
    value: float
    place: Exact
    of: Literal["stage", "steps"] = Field(description="whether `place` is a share of the stage or a step")
    via: Curve


class OpenAverage(Frozen):
    """An average of a stage that has no known length yet."""

    every: int = Field(description="steps between samples")
    place: Exact = Field(description="where the first sample is taken")
    of: Literal["stage", "steps"] = Field(description="whether `place` is a share of the stage or a step")
    rate: float | None


class Open(Frozen):
    """A length that only a run can tell: so many passes over what a step before it makes.

    The stage has one phase, whose steps are
    `ceil(ceil(epochs * size * answers) / sequences)`, or tokens in place of sequences.
    """

    epochs: Exact
    counts: Literal["examples", "tokens"] = Field(description="in what the data is counted")
    of: str = Field(description="the step whose result has a size")
    answers: int = Field(default=1, description="answers read for each prompt, where prompts are passed over")
    context: int
    sequences: int
    rope: float | None
    average: OpenAverage | None = None
    lr: float = Field(description="the learning rate at the beginning")
    legs: tuple[Leg, ...]


class _Optimizer(Frozen):
    betas: tuple[float, float] = Field(description="decay of the momentum and of the squares")
    eps: float
    decay: float = Field(
        description="decoupled weight decay, on matrices only, multiplied by the learning rate"
    )
    clip: float | None = Field(description="largest L2 norm of the whole gradient")
    skip: float | None = Field(
        default=None, description="L2 norm of the whole gradient from which on a step is skipped"
    )
    base_width: int | None = Field(
        default=None, description="updates of linear layers are multiplied by this over the model's width"
    )


class AdamW(_Optimizer):
    kind: Literal["adamw"] = "adamw"


class RMSProp(_Optimizer):
    """RMSProp with momentum, each tensor's update cut to a root mean square of 1."""

    kind: Literal["rmsprop"] = "rmsprop"


Optimizer = Annotated[AdamW | RMSProp, Field(discriminator="kind")]


class Average(Frozen):
    """The stage's output is a mean of the weights after these steps."""

    first: int = Field(description="steps done when the first sample is taken")
    every: int = Field(description="steps between samples")
    rate: float | None = Field(
        default=None, description="weight of the newest sample; None is the uniform mean of all"
    )


class Checkpoint(Frozen):
    every: int = Field(description="steps between checkpoints")
    keep: int = Field(description="how many of the latest are kept")


class Layout(Frozen):
    """How a stage is laid over devices.  It changes no result, and so no address."""

    dp: int = Field(default=1, description="data-parallel shards")
    tp: int = Field(default=1, description="tensor parallelism")
    cp: int = Field(default=1, description="context parallelism")
    pp: int = Field(default=1, description="pipeline parallelism")
    ep: int = Field(default=1, description="expert parallelism, within dp")
    utilisation: float | None = Field(
        default=None, description="share of the peak FLOPs; None is the cluster's"
    )
    context: int | None = Field(default=None, description="longest context that it is for; None is any")

    @property
    def devices(self) -> int:
        return self.dp * self.tp * self.cp * self.pp
