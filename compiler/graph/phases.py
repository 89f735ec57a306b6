"""A stage's timelines laid on its steps: where shapes change, and what every step reads.

All arithmetic is exact.  Inner boundaries fall on the nearest whole step, counted
from where the steps before them really ended; the length is rounded up once, at
the end.  Comes after `build`; `derive` and the plan read the result.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor
from typing import Any

from ..diagnostics.diagnostic import Diagnostic
from ..text import Span
from ..units import EXAMPLES, STEPS, TOKENS, Dims, Quantity
from . import course_letters as said
from .blocks.trained import Trained
from .letters import letter
from .tracks import UNSCALED, Scaling, Track
from .values import Leg, Portion, Ref, Timeline


@dataclass(frozen=True, slots=True)
class Stretch:
    """Steps `[start, start + steps)` in which context, batch, RoPE base and diet hold still."""

    start: int
    steps: int
    context: int
    sequences: int
    rope: Fraction
    data: Ref | Portion | None
    meant: Fraction
    """Tokens that the stretch stands for; a profile's floor may have lengthened it beyond those."""
    moved: tuple[tuple[str, Span], ...] = ()
    """The fields that change as it begins, and where that was written."""

    @property
    def source(self) -> str | None:
        """The address of the mix or corpus that is read."""
        return self.data.of.address if isinstance(self.data, Portion) else self.data and self.data.address

    @property
    def end(self) -> int:
        return self.start + self.steps

    @property
    def step_tokens(self) -> int:
        return self.sequences * self.context

    @property
    def tokens(self) -> int:
        return self.steps * self.step_tokens


@dataclass(frozen=True, slots=True)
class Course:
    """A stage from its first step to its last.  `length` is as it was given: tokens, steps or examples."""

    stretches: tuple[Stretch, ...]
    length: Quantity

    @property
    def steps(self) -> int:
        return sum(stretch.steps for stretch in self.stretches)

    @property
    def tokens(self) -> int:
        return sum(stretch.tokens for stretch in self.stretches)

    def place(self, point: Quantity) -> Fraction:
        """A point of the stage on the axis of steps; past the end, the last batch goes on."""
        if point.dims == STEPS:
            return point.value
        if point.dims == () and (self.length.dims != TOKENS or point.value == 1):
            return point.value * self.steps
        return self._place_of_tokens(point.value if point.dims == TOKENS else point.value * self.length.value)

    def _place_of_tokens(self, tokens: Fraction) -> Fraction:
        for stretch in self.stretches:
            if tokens <= stretch.meant or stretch is self.stretches[-1]:
                inside = tokens / stretch.meant * stretch.steps if stretch.meant else Fraction(0)
                return stretch.start + inside
            tokens -= stretch.meant
        return Fraction(0)

    def interval(self, every: Quantity) -> int:
        """Steps between two events; tokens are counted at the stage's mean batch, a share of the whole stage."""
        steps = every.value
        if every.dims != STEPS:
            steps *= Fraction(self.steps, self.tokens if every.dims == TOKENS else 1)
        return max(1, nearest_step(steps))

    def share(self, steps: Fraction) -> Fraction:
        """A place in steps as a share of the stage, as percent of it mean: of its tokens where those are its length."""
        if self.length.dims != TOKENS:
            return steps / self.steps
        tokens = Fraction(0)
        for stretch in self.stretches:
            inside = min(steps - stretch.start, Fraction(stretch.steps))
            if stretch is self.stretches[-1]:
                inside = steps - stretch.start
            if inside <= 0:
                break
            tokens += inside * stretch.step_tokens
        return tokens / self.length.value


def nearest_step(place: Fraction) -> int:
    """The nearest whole number; halves go up."""
    return floor(place + Fraction(1, 2))


def lay(
    stage: Trained, context: Timeline, rope: Timeline | None, length: Quantity, scaling: Scaling = UNSCALED
) -> tuple[Course | None, list[Diagnostic]]:
    """Walk a stage from change to change."""
    lines = {"context": context, "batch": stage.batch, "rope": rope, "data": stage.reads}
    written = {name: line for name, line in lines.items() if line is not None}
    tracks = {name: Track(name, line.start, line.span, list(line.legs)) for name, line in written.items()}
    letters = [
        said.glides(stage, name, leg) for name, line in written.items() for leg in line.legs if leg.glides
    ]
    if letters:
        return None, letters
    walk = _Walk(stage, tracks, length, scaling)
    walk.run()
    course = Course(tuple(walk.stretches), length) if walk.stretches and not walk.letters else None
    return course, walk.letters + walk.warnings


class _Walk:
    """`clock` is how far the stage has come in tokens, steps and examples.

    Where a profile's floor lengthens a phase, the clock goes on as if it had not:
    the phases after it keep the lengths that they would have had.
    """

    def __init__(self, stage: Trained, tracks: dict[str, Track], length: Quantity, scaling: Scaling) -> None:
        self.stage, self.tracks, self.length, self.scaling = stage, tracks, length, scaling
        self.clock: dict[Dims, Fraction] = dict.fromkeys((TOKENS, STEPS, EXAMPLES), Fraction(0))
        self.steps = 0
        self.stretches: list[Stretch] = []
        self.moved: list[tuple[str, Span]] = []
        self.letters: list[Diagnostic] = []
        self.warnings: list[Diagnostic] = []

    def run(self) -> None:
        while not self.letters:
            step = self._step()
            if step is None:
                return
            left = self._left(step)
            due = [
                (self._distance(track.legs[0], step), track) for track in self.tracks.values() if track.legs
            ]
            self.letters += [
                said.backward(self.stage, track) for distance, track in due if nearest_step(distance) < 0
            ]
            self.letters += [
                said.beyond(self.stage, track, self.length)
                for _, track in due
                if self._is_beyond(track.legs[0], left, step)
            ]
            if self.letters:
                return
            first = min((distance for distance, _ in due), default=Fraction(left))
            near = nearest_step(first)
            is_last = near >= left and not (due and self.scaling.floor)
            self._take(left if is_last else near, first, step)
            if is_last:
                self.warnings += [said.vanished(self.stage, track, self.steps) for _, track in due]
                return
            for distance, track in due:
                if distance == first:
                    track.advance()
                    self.moved.append((track.field, track.span))

    def _take(self, steps: int, exactly: Fraction, step: dict[Dims, Fraction]) -> None:
        """Go on by some steps; a floor may lengthen them, and then the clock goes on by what was meant."""
        raised = max(steps, self.scaling.floor)
        if raised == 0:
            return
        context, sequences = int(self.tracks["context"].value.value), step[EXAMPLES]
        if sequences.denominator != 1 or sequences == 0:
            self.letters.append(
                said.ragged(
                    self.stage, self.tracks["batch"], self.tracks["context"], step[TOKENS], self.scaling
                )
            )
            return
        rope, data = self._value("rope"), self._value("data")
        base = rope.value if rope is not None else Fraction(0)
        gone = Fraction(steps) if raised == steps else max(exactly, Fraction(0))
        meant = gone * step[TOKENS]
        moved, self.moved = tuple(self.moved), []
        self.stretches.append(Stretch(self.steps, raised, context, int(sequences), base, data, meant, moved))
        self.steps += raised
        for dims in self.clock:
            self.clock[dims] += gone * step[dims]

    def _value(self, name: str) -> Any:
        return self.tracks[name].value if name in self.tracks else None

    def _step(self) -> dict[Dims, Fraction] | None:
        """What one step takes: tokens, itself, and sequences."""
        batch, context = self.tracks["batch"], self.tracks["context"]
        for track, what in ((batch, "batch"), (context, "context")):
            if track.value.value == 0:
                headline = f"the {what} of `{self.stage.address}` is zero"
                self.letters.append(letter("UNI107", headline, track.span, stage=self.stage.address))
                return None
        if context.value.value.denominator != 1:
            self.letters.append(said.fraction(self.stage, context, self.scaling))
            return None
        tokens = batch.value.value
        if batch.value.dims == EXAMPLES:
            # At full scale these are tokens, and only `scale batch` touches them.
            whole_context = context.value.value / self.scaling.factor("context")
            tokens = batch.value.value * whole_context * self.scaling.factor("batch")
        if self.scaling.is_scaled and tokens >= context.value.value:
            # A profile's batch is rounded to whole sequences; at full scale it must be exact.
            tokens = nearest_step(tokens / context.value.value) * context.value.value
        return {TOKENS: tokens, STEPS: Fraction(1), EXAMPLES: tokens / context.value.value}

    def _left(self, step: dict[Dims, Fraction]) -> int:
        dims = self.length.dims
        return ceil((self.length.value - self.clock[dims]) / step[dims])

    def _distance(self, leg: Leg, step: dict[Dims, Fraction]) -> Fraction:
        """Steps from here to a leg's point."""
        dims = self.length.dims if leg.point.dims == () else leg.point.dims
        value = leg.point.value * (self.length.value if leg.point.dims == () else 1)
        return (value - self.clock[dims]) / step[dims]

    def _is_beyond(self, leg: Leg, left: int, step: dict[Dims, Fraction]) -> bool:
        """At or after the end.  Rounding to a step does not count: a point before the end stays before it."""
        if leg.point.dims == () or leg.point.dims == self.length.dims:
            return leg.point.value >= (1 if leg.point.dims == () else self.length.value)
        return nearest_step(self._distance(leg, step)) > left
