"""A graph made smaller: every quantity of a scaled kind multiplied, once, where it landed.

Comes after a profile's edits were evaluated.  Percentages, counts and rates
never scale; points that were written in steps keep their share of the stage.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from math import ceil
from typing import Any, cast

from ..units import EXAMPLES, STEPS, TOKENS, Quantity
from .blocks.mix import Mix
from .blocks.trained import Trained
from .derive import Derived
from .phases import Course
from .profile import Scale
from .schema import Block, Holds, Schema, holding
from .tracks import Scaling
from .values import Interval, Leg, Timeline

_KIND_OF = {TOKENS: "tokens", STEPS: "steps", EXAMPLES: "examples"}


def scaling(scales: Mapping[str, Scale], floors: bool = True) -> Scaling:
    """What the scales mean for courses."""
    least = [scale.least for scale in scales.values() if scale.least and scale.least.dims == STEPS]
    floor = max((int(quantity.value) for quantity in least), default=0) if floors else 0
    factors = {kind: scale.factor for kind, scale in scales.items()}
    return Scaling(factors, floor, {kind: scale.span for kind, scale in scales.items()})


@dataclass(frozen=True, slots=True)
class Scaler:
    """Scales blocks; `full` knows the courses at full scale."""

    scales: Mapping[str, Scale]
    full: Derived
    floors: bool = True

    def block(self, block: Block) -> Block:
        """The block with its fields scaled, and what was done to each in `changes`."""
        course = self.full.course(block) if isinstance(block, Trained) else None
        fields = _Fields(self, course)
        gates = tuple(
            replace(gate, at=fields.point(gate.at)) if isinstance(gate.at, Quantity) else gate
            for gate in block.gates
        )
        scaled = fields.of(block).replaced(gates=gates)
        if isinstance(block, Mix):
            points = _Fields(self, None)
            scaled = block.replaced(shares={k: points.legs(line) for k, line in block.shares.items()})
        return cast("Block", scaled)

    def factor(self, kind: str) -> Fraction:
        scale = self.scales.get(kind)
        return scale.factor if scale else Fraction(1)

    def least(self, kind: str) -> Fraction:
        """The floor of a kind, where it was given in that kind."""
        scale = self.scales.get(kind)
        floor = scale.least if scale and self.floors else None
        fits = floor is not None and (_KIND_OF.get(floor.dims, kind) == kind)
        return floor.value if floor is not None and fits else Fraction(0)


@dataclass(frozen=True, slots=True)
class _Fields:
    """The fields of one block; `course` is a stage's at full scale."""

    scaler: Scaler
    course: Course | None

    def of(self, schema: Schema) -> Schema:
        update: dict[str, Any] = {}
        changes: dict[str, tuple[str, ...]] = {}
        for name, info in type(schema).attributes.items():
            holds = holding(info)
            old = getattr(schema, name)
            new = self._value(old, holds) if holds or name == "steps" else old
            if new is not old and new != old:
                update[name] = new
                changes[info.alias or name] = (self._told(holds),)
        return schema.replaced(**update, changes=changes) if update else schema

    def _told(self, holds: Holds | None) -> str:
        scale = self.scaler.scales.get(_scaled_kind(holds.kind)) if holds else None
        return f"{' '.join(scale.span.text.split())} (line {scale.span.line})" if scale else "scaled inside"

    def _value(self, value: Any, holds: Holds | None) -> Any:
        if isinstance(value, Schema):
            return self.of(value)
        if isinstance(value, tuple):
            return tuple(self._value(item, holds) for item in cast("tuple[Any, ...]", value))
        if holds is None or not holds.kind:
            return self.legs(value) if isinstance(value, Timeline) else value
        if isinstance(value, Timeline):
            line = self.legs(value)
            legs = tuple(replace(leg, value=self._exactly(leg.value, holds)) for leg in line.legs)
            return replace(line, start=self._exactly(line.start, holds), legs=legs)
        if isinstance(value, Interval):
            low, high = self._exactly(value.low, holds), self._exactly(value.high, holds)
            return Interval(_whole(low), _whole(high))
        return self._number(value, holds)

    def _number(self, value: Any, holds: Holds) -> Any:
        if holds.kind in ("point", "interval") and isinstance(value, Quantity):
            return self.point(value) if holds.kind == "point" else self._interval(value)
        kind = _scaled_kind(holds.kind)
        if kind not in self.scaler.scales or isinstance(value, bool):
            return value
        if isinstance(value, Quantity):
            scaled = max(value.value * self.scaler.factor(kind), self.scaler.least(kind))
            # A stage's length in tokens stays exact; its phases are rounded to whole steps.
            return replace(value, value=scaled if kind == "tokens" else Fraction(ceil(scaled)))
        if isinstance(value, int):
            return max(ceil(value * self.scaler.factor(kind)), int(self.scaler.least(kind)), 1)
        return value * self.scaler.factor(kind) if isinstance(value, Fraction) else value

    def _exactly(self, value: Any, holds: Holds) -> Any:
        """A value on a timeline: no rounding, the course says where it does not fit."""
        if not isinstance(value, Quantity) or (holds.kind == "batch" and value.dims == EXAMPLES):
            return value
        return replace(value, value=value.value * self.scaler.factor(_scaled_kind(holds.kind)))

    def legs(self, line: Timeline) -> Timeline:
        return replace(line, legs=tuple(self._leg(leg) for leg in line.legs))

    def _leg(self, leg: Leg) -> Leg:
        return replace(leg, point=self.point(leg.point)) if isinstance(leg.point, Quantity) else leg

    def point(self, point: Quantity) -> Quantity:
        """A place along a stage: tokens scale; steps keep their share of it."""
        if point.dims == STEPS and self.course:
            return Quantity(self.course.share(point.value))
        return self._by_factor(point)

    def _interval(self, every: Quantity) -> Quantity:
        """The way between two events: tokens scale; steps keep their share of all steps."""
        if every.dims == STEPS and self.course:
            return Quantity(every.value / self.course.steps)
        return self._by_factor(every)

    def _by_factor(self, point: Quantity) -> Quantity:
        factor = self.scaler.factor(_KIND_OF[point.dims]) if point.dims else Fraction(1)
        return replace(point, value=point.value * factor)


def _whole(value: Quantity) -> Quantity:
    return replace(value, value=Fraction(ceil(value.value)))


def _scaled_kind(kind: str) -> str:
    """Lengths of answers shrink with the context that they must fit into."""
    return "context" if kind == "length" else kind
