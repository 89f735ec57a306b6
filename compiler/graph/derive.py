"""What follows from a spec without being written in it: lineages, courses, sizes of data, values reached.

`build` asks for derived values while it evaluates (`vocab = words.vocab`,
`lr = pretrain.lr.end`); the plan asks for the rest.  A derived value that cannot
be had is None, and whatever made it so has been reported; one that only a run
can tell is a `Fact`.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from math import ceil
from typing import Any

from ..diagnostics.diagnostic import Diagnostic
from ..units import EXAMPLES, TOKENS, Quantity, digits
from . import phases
from .blocks.calls import OnPolicy
from .blocks.distill import Distill
from .blocks.preferences import Preferences
from .blocks.rl import Rl
from .blocks.trained import Trained
from .letters import letter
from .lineage import Lineage
from .phases import Course
from .schema import Block
from .sizes import examples, tokens
from .tracks import UNSCALED, Scaling
from .values import Fact, Piece, Portion, Ref, Timeline, pieces, value_at


class Derived:
    """Derived values of the blocks that `get` finds by address.  Each is worked out once."""

    def __init__(
        self,
        get: Callable[[str], Block | None],
        letters: list[Diagnostic],
        scaling: Scaling = UNSCALED,
    ) -> None:
        self.get, self.letters, self.scaling = get, letters, scaling
        self.lineage = Lineage(get)
        self._courses: dict[str, Course | Fact | None] = {}

    # ---- what a stage inherits -------------------------------------------------------

    def context(self, stage: Trained) -> Timeline | None:
        """The stage's own context, or the one that its model was trained at last."""
        return stage.context or self.lineage.context(stage.origin)

    def rope(self, stage: Trained) -> Timeline | None:
        return stage.rope or self.lineage.rope(stage.origin)

    # ---- sizes of data ---------------------------------------------------------------

    def batches(self, data: Ref) -> int | None:
        """In how many batches preferences came."""
        block = self.get(data.address)
        return block.batches if isinstance(block, Preferences) else None

    # ---- the course of a stage -------------------------------------------------------

    def course(self, stage: Trained) -> Course | None:
        """The stage laid on its steps, or None where it cannot be, or only a run can tell."""
        found = self.length_of(stage)
        return found if isinstance(found, Course) else None

    def length_of(self, stage: Trained) -> Course | Fact | None:
        """The course; or the fact that it waits for, where only a run can tell how much data there is."""
        if stage.address not in self._courses:
            self._courses[stage.address] = None
            self._courses[stage.address] = self._lay(stage)
        return self._courses[stage.address]

    def _lay(self, stage: Trained) -> Course | Fact | None:
        length, context, rope = self._length(stage), self.context(stage), self.rope(stage)
        if context is None and self.lineage.root(stage.ref):
            headline = f"`{stage.address}` has no context, and its model brings none"
            help = ("say how long its sequences are: `context = 4k`",)
            self.letters.append(letter("SCH107", headline, stage.header, help=help, stage=stage.address))
        if length is None or context is None or isinstance(length, Fact):
            return length if isinstance(length, Fact) else None
        course, letters = phases.lay(stage, context, rope, length, self.scaling)
        self.letters.extend(letters)
        return course

    def _length(self, stage: Trained) -> Quantity | Fact | None:
        written = {"tokens": stage.tokens, "epochs": stage.epochs, "steps": stage.steps}
        given = {name: length for name, length in written.items() if length is not None}
        if len(given) != 1:
            listed = " and ".join(f"`{name}`" for name in given)
            headline = f"`{stage.address}` has " + (
                f"{len(given)} lengths, {listed}" if given else "no length"
            )
            help = ("set one of `tokens`, `epochs` and `steps`",)
            span = stage.span(list(given)[-1]) if given else stage.header
            self.letters.append(letter("SCH109", headline, span, help=help, stage=stage.address))
            return None
        ((name, length),) = given.items()
        if isinstance(length, Fraction):
            return self._epochs(stage, length)
        if length.value == 0:
            headline = f"`{stage.address}` trains for nothing"
            self.letters.append(letter("SCH110", headline, stage.span(name), stage=stage.address))
            return None
        return length

    def _epochs(self, stage: Trained, epochs: Fraction) -> Quantity | Fact | None:
        """Passes over the data as a number of examples, or of tokens where the batch is given in tokens."""
        data, answers = _passed_over(stage)
        in_tokens = stage.batch.start.dims == TOKENS
        size = (
            (tokens if in_tokens else examples)(data, self.get) if isinstance(data, Ref | Portion) else None
        )
        if isinstance(size, Fraction):
            return Quantity(Fraction(ceil(size * answers * epochs)), TOKENS if in_tokens else EXAMPLES)
        if size is None and self._is_whole(data):
            noun = "tokens" if in_tokens else "examples"
            headline = f"`{stage.address}` counts its length in epochs, and its data has no size in {noun}"
            help = (f"say how much there is: `{noun} = …` in its corpus",)
            self.letters.append(
                letter("SCH112", headline, stage.span("epochs"), help=help, stage=stage.address)
            )
        return size

    def _is_whole(self, data: Any) -> bool:
        """Whether nothing failed in some data; what did has had its letter."""
        ref = data.of if isinstance(data, Portion) else data
        if not isinstance(ref, Ref):
            return True
        block = self.get(ref.address)
        return block is not None and all(self.get(one) for one in block.needs() if block.kind == "mix")

    # ---- timelines of numbers ----------------------------------------------------------

    def pieces(self, line: Timeline, course: Course) -> list[Piece]:
        """A timeline on the axis of steps; places are rounded to whole steps, and no leg shrinks to none."""
        legs: list[tuple[bool, Fraction, Fraction, str]] = []
        before = 0
        for leg in line.legs:
            place = phases.nearest_step(course.place(leg.point))
            if self.scaling.is_scaled and leg.glides:
                place = max(place, before + 1)
            legs.append((leg.glides, leg.value.value, Fraction(place), leg.via))
            before = place
        return pieces(line.start.value, legs, Fraction(course.steps))

    def reached(self, line: Timeline, stage: Trained, point: Quantity) -> Any:
        """The value reached at a point of a stage; at the end, where it stands when the stage ends."""
        if point.value == 0:
            return line.start
        course = self.length_of(stage)
        if not any(leg.glides for leg in line.legs) and isinstance(course, Course):
            return self._jumped(line, course, point)
        if not isinstance(course, Course):
            if not isinstance(line.start, Quantity):
                return course
            whole = not line.moves or (point.dims == () and all(leg.point.dims == () for leg in line.legs))
            return self._at_percent(line, point) if whole and isinstance(course, Fact) else course
        laid = self.pieces(line, course)
        place = min(Fraction(phases.nearest_step(course.place(point))), Fraction(course.steps))
        return Quantity(value_at(laid, place, line.start.value), line.start.dims)

    def _jumped(self, line: Timeline, course: Course, point: Quantity) -> Any:
        """What a timeline without glides has come to by a point: a quantity of its own kind, or a name."""
        place = course.place(point)
        return [line.start, *(leg.value for leg in line.legs if course.place(leg.point) <= place)][-1]

    def _at_percent(self, line: Timeline, point: Quantity) -> Quantity:
        """The value at a share of a stage of unknown length whose points are all shares."""
        legs = [(leg.glides, leg.value.value, leg.point.value, leg.via) for leg in line.legs]
        laid = pieces(line.start.value, legs, Fraction(1))
        return Quantity(value_at(laid, min(point.value, Fraction(1)), line.start.value), line.start.dims)

    def audit_curves(self, stage: Trained) -> list[Diagnostic]:
        """Faults of the learning rate that show only on the axis of steps."""
        course = self.course(stage)
        if course is None:
            return []
        found: list[Diagnostic] = []
        before, value = Fraction(0), stage.lr.start.value
        for leg in stage.lr.legs:
            place, target = course.place(leg.point), leg.value.value
            if place < before and not self.scaling.is_scaled:
                headline = f"`lr` of `{stage.address}` goes back in time"
                found.append(letter("SCH102", headline, leg.point_span, "before the point that precedes it"))
            elif not leg.glides and place >= course.steps:
                headline = f"`lr` of `{stage.address}` would change after the stage has ended"
                found.append(letter("SCH103", headline, leg.point_span, notes=(_ends(course),)))
            elif place > course.steps:
                headline = f"`lr` of `{stage.address}` never reaches its target"
                found.append(letter("SCH203", headline, leg.point_span, notes=(_ends(course),)))
            if leg.glides and leg.via == "exponential" and 0 in (value, target):
                found.append(letter("SCH106", "an exponential curve cannot start or end at 0", leg.span))
            before, value = place, target
        return found


def _passed_over(stage: Trained) -> tuple[Any, int]:
    """What an epoch is a pass over -- a stage's data, or the prompts that it answers -- and the answers to each."""
    match stage:
        case Rl():
            return stage.prompts, stage.answers
        case Distill(data=OnPolicy() as own):
            return own.prompts, 1
        case _:
            return (stage.reads.start if stage.reads and not stage.reads.moves else None), 1


def _ends(course: Course) -> str:
    return f"the stage is {digits(course.steps)} steps long"
