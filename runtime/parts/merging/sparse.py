"""Merges that drop most of what models have learnt before they add it up: TIES and DARE.

Both take differences from a base, tensor by tensor.  `mixing` has the merges that drop nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import floor, prod

import torch
from torch import Tensor
from torch.nn.functional import hardshrink

from ..seeds import seed
from .sources import Source, tiles

_LOW = 15
"""Bits of a magnitude that the first count leaves out; 16 stay, and the sign is gone."""
_NOBODY = 1e-30
"""In place of the weight of no model, where there is nothing to divide either."""
_COUNTED = 4
"""Tiles that are counted at once: a table of counts is as large as a tile, and is added up after each."""


def ties(
    models: Sequence[Source], base: Source, weights: Sequence[float], density: Fraction, name: str
) -> Iterator[Tensor]:
    """Trim, elect a sign, average who agrees (TIES, Yadav et al. 2023, section 4.1).

    The sign of a number is that of the weighted sum; where it is 0, nothing is moved.
    """
    trims = [_Trim(cut) for cut in cuts(models, base, density, name)]
    for *pieces, start in tiles([*models, base], name):
        rise, fall, risers, fallers = (torch.zeros_like(start) for _ in range(4))
        for trim, piece, weight in zip(trims, pieces, weights, strict=True):
            delta = trim(piece.sub_(start)).mul_(weight)
            up = delta.relu()
            down = up - delta
            rise.add_(up)
            fall.add_(down)
            risers.add_(up.sign_(), alpha=weight)
            fallers.add_(down.sign_(), alpha=weight)
        elected = (rise - fall).sign_()
        rise.div_(risers.clamp_(min=_NOBODY)).mul_(elected.relu())
        fall.div_(fallers.clamp_(min=_NOBODY)).mul_(elected.neg_().relu_())
        yield start.add_(rise.sub_(fall))


def dare(
    models: Sequence[Source],
    base: Source,
    weights: Sequence[float],
    density: Fraction,
    rng: int,
    name: str,
) -> Iterator[Tensor]:
    """Drop numbers at random, divide what is left by the share that is left (DARE, Yu et al. 2023, section 3.2).

    Each tensor of each model draws from a seed of its own.
    """
    kept = float(density)
    draws = [torch.Generator().manual_seed(seed(rng, "dare", place, name)) for place in range(len(models))]
    for *pieces, start in tiles([*models, base], name):
        moved = torch.zeros_like(start)
        for piece, weight, draw in zip(pieces, weights, draws, strict=True):
            stays = torch.rand(len(piece), generator=draw) < kept
            moved.add_(piece.sub_(start).mul_(stays), alpha=weight / kept)
        yield start.add_(moved)


# ---- the largest of a tensor -----------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Cut:
    """The magnitude below which numbers are dropped, as its bits; how many just as large stay, of how many."""

    bits: int
    kept: int
    equals: int


def cuts(models: Sequence[Source], base: Source, density: Fraction, name: str) -> list[Cut]:
    """Where each model's difference from the base is cut, so that its largest numbers stay.

    Bits of positive floats have the order of the floats.  So numbers are counted by the upper half of their bits,
    and those of the half in which the cut falls by the lower: exact, in two readings and no memory to speak of.
    """
    size = prod(base.held[name].shape)
    wanted = max(1, floor(density * size))
    if wanted == size:
        return [Cut(0, size, size)] * len(models)
    high = [torch.zeros(1 << 16, dtype=torch.int64) for _ in models]
    for *pieces, start in tiles([*models, base], name, _COUNTED):
        for count, piece in zip(high, pieces, strict=True):
            count += torch.bincount(_bits(piece.sub_(start)) >> _LOW, minlength=1 << 16)
    halves = [_place(count, wanted) for count in high]
    low = [torch.zeros(1 << _LOW, dtype=torch.int64) for _ in models]
    for *pieces, start in tiles([*models, base], name, _COUNTED):
        for count, piece, (half, _) in zip(low, pieces, halves, strict=True):
            bits = _bits(piece.sub_(start))
            inside = bits[bits >> _LOW == half] & ((1 << _LOW) - 1)
            count += torch.bincount(inside, minlength=1 << _LOW)
    found: list[Cut] = []
    for count, (half, left) in zip(low, halves, strict=True):
        place, kept = _place(count, left)
        found.append(Cut(half << _LOW | place, kept, int(count[place])))
    return found


class _Trim:
    """Drops what is below a cut; of numbers that are just at it, the first ones stay."""

    def __init__(self, cut: Cut) -> None:
        self.cut, self.left = cut, cut.kept
        self.below = torch.tensor(cut.bits - 1, dtype=torch.int32).view(torch.float32).item()

    def __call__(self, piece: Tensor) -> Tensor:
        if self.cut.bits == 0:
            return piece  # the cut is at nothing: whatever would be dropped is 0 already
        if self.cut.kept < self.cut.equals:
            at = _bits(piece) == self.cut.bits
            places = at.nonzero().flatten()
            piece[places[self.left :]] = 0.0
            self.left -= min(len(places), self.left)
        return hardshrink(piece, self.below)


def _bits(piece: Tensor) -> Tensor:
    return piece.view(torch.int32) & 0x7FFFFFFF


def _place(count: Tensor, wanted: int) -> tuple[int, int]:
    """The bin in which the `wanted`-th largest lies, and how many of that bin are wanted."""
    above = count.flip(0).cumsum(0)
    place = int(torch.searchsorted(above, wanted))
    before = int(above[place - 1]) if place else 0
    return len(count) - 1 - place, wanted - before
