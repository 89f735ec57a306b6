"""Which corpus the next sequence comes from, so that a mix is kept exactly.

At every sequence each corpus has drawn within one sequence of what its share
calls for, however the shares glide: of the corpora that are behind, the next is
the one that would soonest fall too far behind (Tijdeman, "The chairman assignment
problem", 1980).  Taking the one that is furthest behind is simpler, and with five
corpora and more it strays by more than one sequence (1.10 in 20 000 random mixes).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from fractions import Fraction
from math import lcm

from ....compiler.plan.model import Share


class Mixture:
    """The shares of a phase that draws this many sequences.

    What is due after n sequences is the integral of a share, `first n + (last - first) n² / 2N`.  It is
    kept in whole numbers of the common denominator, for fractions took twenty times as long.
    """

    def __init__(self, shares: Mapping[str, Share], sequences: int) -> None:
        self.shares, self.sequences = shares, sequences
        bends = {name: (share.last - share.first) / (2 * sequences) for name, share in shares.items()}
        slack = Fraction(1, max(1, 2 * len(shares) - 2))
        parts = (slack, *bends.values(), *(share.first for share in shares.values()))
        self._one = lcm(*(part.denominator for part in parts))
        self._slack = int(slack * self._one)
        self._curves = {
            name: (int(shares[name].first * self._one), int(bends[name] * self._one))
            for name in sorted(shares)
        }

    def due(self, name: str, drawn: int) -> Fraction:
        """How many of the first `drawn` sequences should be this corpus's."""
        return Fraction(self._due(name, drawn), self._one)

    def next(self, taken: Mapping[str, int]) -> str:
        """The corpus of the next sequence, after so many were taken from each in this phase."""
        if len(self.shares) == 1:
            return next(iter(self.shares))
        drawn = sum(taken.get(name, 0) for name in self.shares) + 1
        behind = {name: self._due(name, drawn) - taken.get(name, 0) * self._one for name in self._curves}
        willing = [name for name, deficit in behind.items() if deficit >= self._slack]
        return min(willing, key=lambda name: (self._deadline(name, taken.get(name, 0), drawn), -behind[name]))

    def _due(self, name: str, drawn: int) -> int:
        rise, bend = self._curves[name]
        return (rise + bend * drawn) * drawn

    def _deadline(self, name: str, taken: int, drawn: int) -> int:
        """By which sequence this corpus must be taken again."""
        ahead = range(drawn, self.sequences + 1)
        return bisect_left(ahead, (taken + 1) * self._one - self._slack, key=lambda at: self._due(name, at))
