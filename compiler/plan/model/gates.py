"""What a run must pass, as arithmetic over what it measures."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from .base import Exact, Frozen

Compare = Literal["==", "!=", "<=", ">=", "<", ">"]
Operator = Literal["+", "-", "*", "/"] | Compare


class Constant(Frozen):
    kind: Literal["constant"] = "constant"
    value: Exact


class Measure(Frozen):
    """What a bench measures of a model."""

    kind: Literal["measure"] = "measure"
    model: str
    bench: str


class Count(Frozen):
    """A number that a step's result tells: how many answers a `sample` kept."""

    kind: Literal["count"] = "count"
    of: str
    what: str


class Arithmetic(Frozen):
    kind: Literal["arithmetic"] = "arithmetic"
    op: Operator
    left: Formula
    right: Formula


Formula = Annotated[Constant | Measure | Count | Arithmetic, Field(discriminator="kind")]
Arithmetic.model_rebuild()


class Gate(Frozen):
    """`left op right`, within a share of the right side."""

    stage: str = Field(description="the step whose model is held until the gate is passed")
    at: str = Field(description="`end`, a point of the stage, or the field whose every move is measured")
    op: Compare
    left: Formula
    right: Formula
    within: Exact
    enforced: bool = Field(
        description="whether the stage waits for it; under a scaled profile only the profile's own gates are enforced"
    )
    text: str = Field(description="as the spec has it")
