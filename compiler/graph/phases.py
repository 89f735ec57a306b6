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

from ..diagnostics.diagnostic import Diagnostic, Edit, Fix, Label
from ..text import Span
from ..units import EXAMPLES, STEPS, TOKENS, Quantity, digits
from .blocks.train import Train
from .letters import letter
from .values import Leg, Ref, Timeline


@dataclass(frozen=True, slots=True)
class Stretch:
    """Steps `[start, start + steps)` in which context, batch, RoPE base and diet hold still."""

    start: int
    steps: int
    context: int
    sequences: int
    rope: Fraction
    data: Ref

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
    """A stage from its first step to its last.  `tokens` is its length where that is given in tokens."""

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
        if point.dims == () and (self.length.dims == STEPS or point.value == 1):
            return point.value * self.steps
        return self._place_of_tokens(point.value if point.dims == TOKENS else point.value * self.length.value)

    def _place_of_tokens(self, tokens: Fraction) -> Fraction:
        for stretch in self.stretches:
            if tokens <= stretch.tokens or stretch is self.stretches[-1]:
                return stretch.start + tokens / stretch.step_tokens
            tokens -= stretch.tokens
        return Fraction(0)


def nearest_step(place: Fraction) -> int:
    return floor(place + Fraction(1, 2))


@dataclass(slots=True)
class _Track:
    """One timeline on its way: the value that holds now, and the legs to come."""

    field: str
    value: Any
    span: Span
    legs: list[Leg]

    def advance(self) -> None:
        leg = self.legs.pop(0)
        self.value, self.span = leg.value, leg.span


def lay(
    stage: Train, context: Timeline, rope: Timeline, length: Quantity
) -> tuple[Course | None, list[Diagnostic]]:
    """Walk a stage from change to change."""
    written = {"context": context, "batch": stage.batch, "rope": rope, "data": stage.data}
    tracks = {name: _Track(name, line.start, line.span, list(line.legs)) for name, line in written.items()}
    letters = [_glides(stage, name, leg) for name, line in written.items() for leg in line.legs if leg.glides]
    if letters:
        return None, letters
    walk = _Walk(stage, tracks, length)
    walk.run()
    course = Course(tuple(walk.stretches), length) if walk.stretches and not walk.letters else None
    return course, walk.letters + walk.warnings


class _Walk:
    def __init__(self, stage: Train, tracks: dict[str, _Track], length: Quantity) -> None:
        self.stage, self.tracks, self.length = stage, tracks, length
        self.tokens, self.steps = Fraction(0), 0
        self.stretches: list[Stretch] = []
        self.letters: list[Diagnostic] = []
        self.warnings: list[Diagnostic] = []

    def run(self) -> None:
        while not self.letters:
            step_tokens = self._step_tokens()
            if step_tokens is None:
                return
            left = self._left(step_tokens)
            due = [
                (self._distance(track.legs[0], step_tokens), track)
                for track in self.tracks.values()
                if track.legs
            ]
            self.letters += [self._backward(track) for distance, track in due if distance < 0]
            near = min((distance for distance, _ in due), default=left)
            self.letters += [
                self._beyond(track) for _, track in due if self._is_beyond(track.legs[0], left, step_tokens)
            ]
            if self.letters:
                return
            self._take(min(near, left), step_tokens)
            if near >= left:
                self.warnings += [self._vanished(track) for _, track in due]
                return
            for distance, track in due:
                if distance == near:
                    track.advance()

    def _take(self, steps: int, step_tokens: Fraction) -> None:
        if steps == 0:
            return
        context = int(self.tracks["context"].value.value)
        sequences = step_tokens / context
        if sequences.denominator != 1 or sequences == 0:
            self.letters.append(self._ragged(step_tokens, context))
            return
        rope, data = self.tracks["rope"].value.value, self.tracks["data"].value
        self.stretches.append(Stretch(self.steps, steps, context, int(sequences), rope, data))
        self.tokens += steps * step_tokens
        self.steps += steps

    def _step_tokens(self) -> Fraction | None:
        batch, context = self.tracks["batch"], self.tracks["context"]
        tokens = batch.value.value * (context.value.value if batch.value.dims == EXAMPLES else 1)
        for track, what in ((batch, "batch"), (context, "context")):
            if track.value.value == 0:
                headline = f"the {what} of `{self.stage.address}` is zero"
                self.letters.append(letter("UNI107", headline, track.span, stage=self.stage.address))
                return None
        return tokens

    def _left(self, step_tokens: Fraction) -> int:
        if self.length.dims == STEPS:
            return int(self.length.value) - self.steps
        return ceil((self.length.value - self.tokens) / step_tokens)

    def _distance(self, leg: Leg, step_tokens: Fraction) -> int:
        point = leg.point
        value = point.value * self.length.value if point.dims == () else point.value
        dims = self.length.dims if point.dims == () else point.dims
        if dims == STEPS:
            return nearest_step(value) - self.steps
        return nearest_step((value - self.tokens) / step_tokens)

    def _is_beyond(self, leg: Leg, left: int, step_tokens: Fraction) -> bool:
        """At or after the end.  Rounding to a step does not count: a point before the end stays before it."""
        if leg.point.dims == () or leg.point.dims == self.length.dims:
            return leg.point.value >= (1 if leg.point.dims == () else self.length.value)
        return self._distance(leg, step_tokens) > left

    # ---- letters ---------------------------------------------------------------------

    def _ragged(self, step_tokens: Fraction, context: int) -> Diagnostic:
        batch, at_context = self.tracks["batch"], self.tracks["context"]
        sequences = step_tokens / context
        meant, fix = _meant(step_tokens, context, batch.span), None
        if meant:
            fix = Fix(f"write `{meant}`", (Edit(batch.span, meant),))
        return letter(
            "SCH101",
            f"a batch of {digits(step_tokens)} tokens is not a whole number of {digits(context)}-token sequences",
            batch.span,
            f"{digits(step_tokens)} tokens",
            also=(Label(at_context.span, f"each sequence is {digits(context)} tokens"),),
            notes=(f"{digits(step_tokens)} / {digits(context)} = {float(sequences):.2f} sequences",),
            help=(f"write `{meant}`",) if meant else (f"write `{round(sequences) or 1} sequences`",),
            fix=fix,
            stage=self.stage.address,
        )

    def _backward(self, track: _Track) -> Diagnostic:
        name, point = self.stage.address, track.legs[0].point_span
        said = "before the point that precedes it"
        return letter("SCH102", f"`{track.field}` of `{name}` goes back in time", point, said, stage=name)

    def _vanished(self, track: _Track) -> Diagnostic:
        name, point = self.stage.address, track.legs[0].point_span
        headline = f"`{track.field}` of `{name}` changes so late that no step is left for it"
        notes = (f"`{name}` has {digits(self.steps)} steps, and the point falls on the last one's end",)
        return letter("SCH211", headline, point, notes=notes, stage=name)

    def _beyond(self, track: _Track) -> Diagnostic:
        name, unit = self.stage.address, "steps" if self.length.dims == STEPS else "tokens"
        return letter(
            "SCH103",
            f"`{track.field}` of `{name}` would change after the stage has ended",
            track.legs[0].point_span,
            also=(Label(self.stage.span(unit), "the stage's length"),),
            notes=(f"the stage ends after {digits(self.length.value)} {unit}",),
            stage=name,
        )


def _glides(stage: Train, field: str, leg: Leg) -> Diagnostic:
    return letter(
        "SCH108",
        f"`{field}` changes in jumps, not along a curve",
        leg.span,
        help=("write `-> value at point`",),
        stage=stage.address,
    )


def _meant(step_tokens: Fraction, context: int, span: Span) -> str:
    """`4M` was meant as `4Mi` when that makes whole sequences."""
    for power, (decimal, binary) in enumerate((("k", "Ki"), ("M", "Mi"), ("B", "Gi")), start=1):
        if span.text.endswith(decimal) and step_tokens * Fraction(1024, 1000) ** power % context == 0:
            return span.text.removesuffix(decimal) + binary
    return ""
