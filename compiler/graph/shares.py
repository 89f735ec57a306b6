"""Mixes taken apart: every corpus's share of every stretch of steps, exactly.

A mix in use on steps `[start, start + n)` cuts that stretch wherever one of its
shares begins or ends to move; between two cuts every share is a straight line.
Mixes inside mixes are multiplied out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise

from ..diagnostics.diagnostic import Diagnostic, Label
from ..text import Span
from ..units import TOKENS, Quantity
from .blocks.mix import Mix
from .letters import letter
from .phases import Course, Stretch, nearest_step
from .schema import Block
from .values import Piece, Timeline, pieces

Blocks = Callable[[str], Block | None]
"""Finds a block by address."""
Place = dict[str, Fraction]


@dataclass(frozen=True, slots=True)
class Diet:
    """Shares by corpus on steps `[start, end)`: at the first of them, and as the end is reached."""

    start: int
    end: int
    first: Place
    last: Place


def diets(source: str, blocks: Blocks, start: int, course: Course, end: int) -> list[Diet]:
    """What steps `[start, end)` of a course read, when `source` is a mix or a corpus."""
    axis = _Axis(course, start, Fraction(end - start))
    edges = {Fraction(s.start - start) for s in course.stretches if start < s.start < end}
    cuts = sorted({Fraction(0), axis.length, *edges, *_cuts(source, blocks, axis)})
    return [
        Diet(
            start + int(here),
            start + int(there),
            _at(source, blocks, axis, here, 1),
            _at(source, blocks, axis, there, -1),
        )
        for here, there in pairwise(cuts)
    ]


def audit(mix: Mix, blocks: Blocks) -> list[Diagnostic]:
    """The mix by itself: shares add up to 100 % at every point, and none is curved."""
    if not mix.shares:
        return [
            letter(
                "DAT102",
                f"mix `{mix.address}` holds nothing",
                mix.header,
                help=("give it shares: `web = 100%`",),
            )
        ]
    curved = [
        letter(
            "DAT107",
            f"the share of `{name}` moves along a curve",
            leg.span,
            help=("shares glide in straight lines",),
        )
        for name, line in mix.shares.items()
        for leg in line.legs
        if leg.glides and leg.via != "linear"
    ]
    if curved:
        return curved
    twice = [name for name, line in mix.shares.items() if line.moves and _moves(name, blocks)]
    if twice:
        return [
            letter(
                "DAT107", f"`{name}` moves inside, and its share of `{mix.address}` moves too", mix.span(name)
            )
            for name in twice
        ]
    axis = _Axis(None, 0, Fraction(1))
    if _has_places(mix):
        # Where its points fall is known on the stages that use it (`audit_use`); how it begins is known here.
        starts = {
            name: axis.lay(replace(line, legs=())) for name, line in mix.shares.items() if not _is_rest(line)
        }
        found = _unbalanced(mix, starts, Fraction(0), 1)
        return [found] if found else []
    misplaced = _misplaced(mix, axis)
    if misplaced:
        return misplaced
    laid = {name: axis.lay(line) for name, line in mix.shares.items() if not _is_rest(line)}
    places = sorted(
        {edge for line in laid.values() for piece in line for edge in (piece.start, piece.end) if edge <= 1}
    )
    moments = [(places[0] if places else Fraction(0), 1)] + [(place, -1) for place in places[1:]]
    moments += [(place, 1) for place in places[1:-1]]
    for place, side in moments:
        found = _unbalanced(mix, laid, place, side)
        if found:
            return [found]
    return []


def groups(course: Course) -> list[list[Stretch]]:
    """Neighbouring stretches that read the same mix."""
    found: list[list[Stretch]] = []
    for stretch in course.stretches:
        if found and found[-1][-1].data == stretch.data:
            found[-1].append(stretch)
        else:
            found.append([stretch])
    return found


def drawn(course: Course, blocks: Blocks) -> Place:
    """Tokens that a course draws from every corpus."""
    total: Place = {}
    for group in groups(course):
        source = group[0].source
        if source is None or _is_ring(source, blocks, ()):
            continue
        for diet in diets(source, blocks, group[0].start, course, group[-1].end):
            stretch = next(one for one in group if one.start <= diet.start < one.end)
            for name, share in diet.first.items():
                amount = (share + diet.last[name]) / 2 * (diet.end - diet.start) * stretch.step_tokens
                total[name] = total.get(name, Fraction(0)) + amount
    return total


def _is_ring(source: str, blocks: Blocks, trail: tuple[str, ...]) -> bool:
    """Whether a mix holds itself; that is reported elsewhere, and must not be walked."""
    mix = blocks(source)
    if source in trail:
        return True
    return isinstance(mix, Mix) and any(_is_ring(name, blocks, (*trail, source)) for name in mix.shares)


def audit_use(course: Course, blocks: Blocks, stage: str) -> list[Diagnostic]:
    """Mixes with points in tokens or steps, on the stage that uses them: only there is it known where those fall."""
    for group in groups(course):
        source, last = group[0].source, group[-1]
        if source is None or _is_ring(source, blocks, ()):
            continue
        placed = [mix for mix in _mixes(source, blocks) if _has_places(mix)]
        axis = _Axis(course, group[0].start, Fraction(last.end - group[0].start))
        found = [one for mix in placed for one in _misplaced(mix, axis, stage)]
        if found:
            return found
        for mix in placed:
            for diet in diets(mix.address, blocks, group[0].start, course, last.end):
                for step, shares in ((diet.start, diet.first), (diet.end, diet.last)):
                    total = sum(shares.values(), start=Fraction(0))
                    if total != 1 or min(shares.values()) < 0:
                        return [_unbalanced_in(mix, stage, step, shares, total)]
    return []


def _mixes(source: str, blocks: Blocks) -> list[Mix]:
    """A mix and those inside it."""
    mix = blocks(source)
    if not isinstance(mix, Mix):
        return []
    return [mix, *(inner for name in mix.shares for inner in _mixes(name, blocks))]


def _has_places(mix: Mix) -> bool:
    return any(leg.point.dims != () for line in mix.shares.values() for leg in line.legs)


def _unbalanced_in(mix: Mix, stage: str, step: int, shares: Place, total: Fraction) -> Diagnostic:
    wide = max(len(name) for name in (*shares, "together"))
    rows = [f"{name.ljust(wide)}  {_percent(share).rjust(8)}" for name, share in shares.items()]
    rows.append(f"{'together'.ljust(wide)}  {_percent(total).rjust(8)}")
    headline = f"the shares of mix `{mix.address}` add up to {_percent(total)} at step {step} of `{stage}`"
    if total == 1:
        headline = f"a share of mix `{mix.address}` falls below 0 at step {step} of `{stage}`"
    also = tuple(Label(mix.span(name)) for name in mix.shares)
    help = ("let one share be `rest`, or write all points in one unit",)
    return letter(
        "DAT102", headline, also[-1].span, also=also[:-1], notes=tuple(rows), help=help, stage=stage
    )


def _misplaced(mix: Mix, axis: _Axis, stage: str | None = None) -> list[Diagnostic]:
    """Points that go back, or lie behind the end of the stretch in which the mix is in use."""
    found: list[Diagnostic] = []
    for name, line in mix.shares.items():
        before = Fraction(0)
        for leg in line.legs:
            place = axis.exactly(leg.point)
            if place < before:
                headline = f"the share of `{name}` goes back in time"
                said = "before the point that precedes it"
                found.append(letter("SCH102", headline, leg.point_span, said, stage=stage))
            elif place > axis.length or (place == axis.length and not leg.glides):
                headline = f"the share of `{name}` would change after the mix is no longer in use"
                found.append(letter("SCH103", headline, leg.point_span, stage=stage))
            before = place
    return found


class _Axis:
    """Steps counted from where a mix comes into use; without a course, the whole stretch is 1."""

    def __init__(self, course: Course | None, start: int, length: Fraction) -> None:
        self.course, self.start, self.length = course, start, length

    def place(self, point: Quantity) -> Fraction:
        """Where a point falls: on a whole step, where there are steps."""
        place = self.exactly(point)
        return place if self.course is None else Fraction(nearest_step(place))

    def exactly(self, point: Quantity) -> Fraction:
        if self.course is None:
            return point.value if point.dims == () else Fraction(1, 2)
        if point.dims == ():
            return point.value * self.length
        shifted = Quantity(point.value + (self._done() if point.dims == TOKENS else self.start), point.dims)
        return self.course.place(shifted) - self.start

    def _done(self) -> Fraction:
        """Tokens that the stage stands for before the mix comes into use."""
        before = [one for one in self.course.stretches if one.start < self.start] if self.course else []
        done = (one.meant * Fraction(min(one.end, self.start) - one.start, one.steps) for one in before)
        return sum(done, start=Fraction(0))

    def lay(self, line: Timeline) -> list[Piece]:
        legs = [(leg.glides, leg.value.value, self.place(leg.point), leg.via) for leg in line.legs]
        return pieces(line.start.value, legs, self.length)


def _is_rest(line: Timeline) -> bool:
    return line.start == "rest"


def _moves(source: str, blocks: Blocks) -> bool:
    mix = blocks(source)
    return isinstance(mix, Mix) and any(
        line.moves or _moves(name, blocks) for name, line in mix.shares.items()
    )


def _cuts(source: str, blocks: Blocks, axis: _Axis) -> set[Fraction]:
    mix = blocks(source)
    if not isinstance(mix, Mix):
        return set()
    own = {
        edge
        for line in mix.shares.values()
        if not _is_rest(line)
        for piece in axis.lay(line)
        for edge in (piece.start, piece.end)
    }
    inner = {edge for name in mix.shares for edge in _cuts(name, blocks, axis)}
    return {edge for edge in own | inner if 0 < edge < axis.length}


def _at(source: str, blocks: Blocks, axis: _Axis, place: Fraction, side: int) -> Place:
    """Shares by corpus at a place: after a jump there (`side` 1), or before it (-1)."""
    mix = blocks(source)
    if not isinstance(mix, Mix):
        return {source: Fraction(1)}
    laid = {name: axis.lay(line) for name, line in mix.shares.items() if not _is_rest(line)}
    own = {name: _read(line, place, side) for name, line in laid.items()}
    left = 1 - sum(own.values(), start=Fraction(0))
    total: Place = {}
    for name in mix.shares:
        for corpus, share in _at(name, blocks, axis, place, side).items():
            total[corpus] = total.get(corpus, Fraction(0)) + share * own.get(name, left)
    return total


def _read(laid: list[Piece], place: Fraction, side: int) -> Fraction:
    if side > 0:
        inside = [piece for piece in laid if piece.start <= place]
        return inside[-1].at(min(place, inside[-1].end))
    piece = next((piece for piece in laid if piece.start < place <= piece.end), laid[-1])
    return piece.at(place)


def _unbalanced(mix: Mix, laid: dict[str, list[Piece]], place: Fraction, side: int) -> Diagnostic | None:
    own = {name: _read(line, place, side) for name, line in laid.items()}
    total, rest = sum(own.values(), start=Fraction(0)), any(_is_rest(line) for line in mix.shares.values())
    if total == 1 and not rest:
        return None
    if rest and total <= 1:
        return None
    spans = [(name, mix.span(name)) for name in mix.shares]
    return _sum_letter(mix, own, total, place, spans)


def _sum_letter(
    mix: Mix, own: Place, total: Fraction, place: Fraction, spans: list[tuple[str, Span]]
) -> Diagnostic:
    wide = max(len(name) for name in (*own, "together"))
    rows = [f"{name.ljust(wide)}  {_percent(share).rjust(7)}" for name, share in own.items()]
    when = "" if place == 0 else " at its end" if place == 1 else f" at {_percent(place)} of its stretch"
    gap = _percent(abs(total - 1))
    whence = f"take {gap} from" if total > 1 else f"give {gap} to"
    return letter(
        "DAT102",
        f"the shares of mix `{mix.address}` add up to {_percent(total)}{when}",
        spans[-1][1],
        also=tuple(Label(span) for _, span in spans[:-1]),
        notes=(*rows, f"{'together'.ljust(wide)}  {_percent(total).rjust(7)}"),
        help=(f"{whence} one, or let one share be `rest`",),
    )


def _percent(share: Fraction) -> str:
    return f"{float(share * 100):.6g}%"
