"""What follows from a spec without being written in it: lineages, courses, parameter counts, FLOPs.

`build` asks for derived values while it evaluates (`vocab = words.vocab`,
`lr = pretrain.lr.end`); the plan asks for the rest.  A derived value that cannot
be had is None, and whatever made it so has been reported.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Protocol, TypeVar

from ..diagnostics.diagnostic import Diagnostic
from ..units import CONTEXT, STEPS, TOKENS, Quantity
from . import phases
from .blocks.arch import Arch
from .blocks.init import Init
from .blocks.tokenizer import Tokenizer
from .blocks.train import Train
from .letters import letter
from .phases import Course
from .schema import Block
from .values import Piece, Ref, Timeline, pieces, value_at

B = TypeVar("B", bound=Block)


class Derived:
    """Derived values of the blocks that `get` finds by address.  Each is worked out once."""

    def __init__(self, get: Callable[[str], Block | None], letters: list[Diagnostic]) -> None:
        self._get, self.letters = get, letters
        self._courses: dict[str, Course | None] = {}

    # ---- lineage -------------------------------------------------------------------

    def lineage(self, model: Ref) -> Iterator[Init | Train]:
        """The model's stage, and those that it came from, newest first; a cycle ends it."""
        seen: set[str] = set()
        at: Ref | None = model
        while at and at.address not in seen:
            seen.add(at.address)
            block = self._get(at.address)
            at = block.origin if isinstance(block, Train) else None
            if isinstance(block, Init | Train):
                yield block

    def init(self, model: Ref) -> Init | None:
        return next((block for block in self.lineage(model) if isinstance(block, Init)), None)

    def arch(self, model: Ref) -> Arch | None:
        init = self.init(model)
        return self._block(init.arch, Arch) if init else None

    def tokenizer(self, model: Ref) -> Tokenizer | None:
        init = self.init(model)
        return self._block(init.tokenizer, Tokenizer) if init else None

    def _block(self, ref: Ref, kind: type[B]) -> B | None:
        found = self._get(ref.address)
        return found if isinstance(found, kind) else None

    # ---- what a stage inherits -------------------------------------------------------

    def context(self, stage: Train) -> Timeline | None:
        """The stage's own context, or the one that its model was trained at last."""
        if stage.context is not None:
            return stage.context
        return self._inherited(stage, "context", None)

    def rope(self, stage: Train) -> Timeline | None:
        if stage.rope is not None:
            return stage.rope
        arch = self.arch(stage.ref)
        return self._inherited(stage, "rope", Quantity(arch.rope) if arch else None)

    def _inherited(self, stage: Train, field: str, first: Quantity | None) -> Timeline | None:
        for earlier in self.lineage(stage.origin):
            line: Timeline | None = getattr(earlier, field, None)
            if line is not None:
                return Timeline(line.values[-1][0], (), line.values[-1][1])
        return Timeline(first, (), stage.header) if first else None

    # ---- the course of a stage -------------------------------------------------------

    def course(self, stage: Train) -> Course | None:
        """The stage laid on its steps, or None where it cannot be."""
        if stage.address not in self._courses:
            self._courses[stage.address] = None
            self._courses[stage.address] = self._lay(stage)
        return self._courses[stage.address]

    def _lay(self, stage: Train) -> Course | None:
        length, context, rope = self._length(stage), self.context(stage), self.rope(stage)
        if context is None and self.init(stage.ref):
            headline = f"`{stage.address}` has no context, and its model brings none"
            help = ("say how long its sequences are: `context = 4k`",)
            self.letters.append(letter("SCH107", headline, stage.header, help=help, stage=stage.address))
        if length is None or context is None or rope is None:
            return None
        course, letters = phases.lay(stage, context, rope, length)
        self.letters.extend(letters)
        return course

    def _length(self, stage: Train) -> Quantity | None:
        given = [length for length in (stage.tokens, stage.steps) if length is not None]
        if len(given) != 1:
            what = "two lengths, `tokens` and `steps`" if given else "no length"
            span = stage.span("steps" if given else "")
            help = ("set one of `tokens` and `steps`",)
            headline = f"`{stage.address}` has {what}"
            self.letters.append(letter("SCH109", headline, span, help=help, stage=stage.address))
            return None
        if given[0].value == 0:
            span = stage.span("tokens" if stage.tokens is not None else "steps")
            self.letters.append(
                letter("SCH110", f"`{stage.address}` trains for nothing", span, stage=stage.address)
            )
            return None
        return given[0]

    # ---- timelines of numbers ----------------------------------------------------------

    def pieces(self, line: Timeline, course: Course) -> list[Piece]:
        """A timeline on the axis of steps; places are rounded to whole steps."""
        legs = [
            (leg.glides, leg.value.value, Fraction(phases.nearest_step(course.place(leg.point))), leg.via)
            for leg in line.legs
        ]
        return pieces(line.start.value, legs, Fraction(course.steps))

    def reached(self, line: Timeline, stage: Train, point: Quantity) -> Quantity | None:
        """The value reached at a point of a stage; at the end, where it stands when the stage ends."""
        course = self.course(stage)
        if course is None:
            return None
        laid = self.pieces(line, course)
        place = min(Fraction(phases.nearest_step(course.place(point))), Fraction(course.steps))
        return Quantity(value_at(laid, place, line.start.value), line.start.dims)

    def audit_curves(self, stage: Train) -> list[Diagnostic]:
        """Faults of the learning rate that show only on the axis of steps."""
        course = self.course(stage)
        if course is None:
            return []
        found: list[Diagnostic] = []
        before, value = Fraction(0), stage.lr.start.value
        for leg in stage.lr.legs:
            place, target = course.place(leg.point), leg.value.value
            if place < before:
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


def _ends(course: Course) -> str:
    return f"the stage is {course.steps} steps long"


# ---- derived values by name -----------------------------------------------------------


class Shape(Protocol):
    """What parameter counts depend on; an `arch` block has it, and so has a plan's arch."""

    @property
    def layers(self) -> int: ...
    @property
    def width(self) -> int: ...
    @property
    def heads(self) -> int: ...
    @property
    def kv_heads(self) -> int | None: ...
    @property
    def head_dim(self) -> int | None: ...
    @property
    def ffn(self) -> int: ...
    @property
    def vocab(self) -> int: ...
    @property
    def tied(self) -> bool: ...


def kv_heads(arch: Shape) -> int:
    return arch.kv_heads or arch.heads


def head_dim(arch: Shape) -> int:
    return arch.head_dim or arch.width // arch.heads


def body_params(arch: Shape) -> int:
    """Every tensor but the input and output embeddings; with the final norm."""
    attention = arch.width * head_dim(arch) * (2 * arch.heads + 2 * kv_heads(arch))
    return arch.layers * (attention + 3 * arch.width * arch.ffn + 2 * arch.width) + arch.width


def params(arch: Shape) -> int:
    """Every tensor counted once."""
    return body_params(arch) + arch.vocab * arch.width * (1 if arch.tied else 2)


def _number(value: int | Fraction, base: str) -> Quantity:
    return Quantity(Fraction(value), ((base, 1),) if base else ())


def _model_params(derived: Derived, block: Block) -> Quantity | None:
    arch = derived.arch(block.ref)
    return _number(params(arch), "params") if arch else None


def _arch_value(count: Callable[[Arch], int], base: str) -> Callable[[Derived, Block], Quantity | None]:
    return lambda _, block: _number(count(block), base) if isinstance(block, Arch) else None


def _course_value(of: Callable[[Course], int], base: str) -> Callable[[Derived, Block], Quantity | None]:
    def value(derived: Derived, block: Block) -> Quantity | None:
        course = derived.course(block) if isinstance(block, Train) else None
        return _number(of(course), base) if course else None

    return value


def _flops(derived: Derived, block: Block) -> Quantity | None:
    """6 · parameters · tokens, the convention that papers print (Kaplan et al. 2020)."""
    tokens, count = (
        _course_value(lambda course: course.tokens, "tokens")(derived, block),
        _model_params(derived, block),
    )
    return _number(6 * tokens.value * count.value, "flops") if tokens and count else None


DERIVED: dict[str, dict[str, Callable[[Derived, Block], Quantity | None]]] = {
    "arch": {
        "params": _arch_value(params, "params"),
        "active_params": _arch_value(params, "params"),
        "body_params": _arch_value(body_params, "params"),
        "kv_heads": _arch_value(kv_heads, ""),
        "head_dim": _arch_value(head_dim, ""),
    },
    "init": {"params": _model_params},
    "train": {
        "params": _model_params,
        "steps": _course_value(lambda course: course.steps, STEPS[0][0]),
        "tokens": _course_value(lambda course: course.tokens, TOKENS[0][0]),
        "flops": _flops,
    },
}


def whole_context(line: Timeline) -> int:
    """The longest context of a timeline."""
    return max(int(value.value) for value, _ in line.values if value.dims == CONTEXT)
