"""What a run must pass, as arithmetic over what it measures."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from .base import Exact, Frozen
from .origin import Origin

Compare = Literal["==", "!=", "<=", ">=", "<", ">"]
Operator = Literal["+", "-", "*", "/"] | Compare


class Constant(Frozen):
    kind: Literal["constant"] = "constant"
    value: Exact


class Measure(Frozen):
    """What a bench measures of a model.

    `step` is the `eval` that has the score; None where the model is measured on its way only.
    """

    kind: Literal["measure"] = "measure"
    model: str
    bench: str
    step: str | None


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


def asked(*sides: Formula) -> Iterator[Measure | Count]:
    """What formulas ask of a run."""
    for side in sides:
        if isinstance(side, Arithmetic):
            yield from asked(side.left, side.right)
        elif not isinstance(side, Constant):
            yield side


class Gate(Frozen):
    """`left op right`, within a share of the right side.

    On its way a model is measured at no longer a context than it was trained at so far.
    """

    stage: str = Field(description="the step whose model is held until the gate is passed")
    name: str = Field(description="as `resume --pass` calls it: the last word of the first thing measured")
    at: str = Field(description="`end`, a point of the stage, or the field after whose moves it is measured")
    steps: tuple[int, ...] = Field(description="steps of the stage after which it is measured on the way")
    end: bool = Field(description="whether it is measured when the stage is done")
    inputs: dict[str, str] = Field(
        description="steps by role that the benches read on the way, beside the model"
    )
    op: Compare
    left: Formula
    right: Formula
    within: Exact
    enforced: bool = Field(
        description="whether the stage waits for it; under a scaled profile only the profile's own gates are enforced"
    )
    text: str = Field(description="as the spec has it")
    origin: Origin

    @property
    def before(self) -> frozenset[str]:
        """Steps that must be done before the stage, for it is measured on the way."""
        if not self.steps:
            return frozenset()
        others = {step for model, step in self._steps if model != self.stage and step}
        return frozenset({*self.inputs.values(), *others})

    @property
    def scores(self) -> frozenset[str]:
        """Steps whose results it is measured by when the stage is done."""
        return (
            frozenset(step for _, step in self._steps if step and step != self.stage)
            if self.end
            else frozenset()
        )

    @property
    def _steps(self) -> list[tuple[str, str | None]]:
        found = asked(self.left, self.right)
        return [(one.of, one.of) if isinstance(one, Count) else (one.model, one.step) for one in found]
