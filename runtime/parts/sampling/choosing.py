"""Which of the judged answers stay: the best of each prompt over all who answered, the best and the worst, a share.

An answer that was cut off is below every one that ended, and is never chosen.  Among equals a drawn number decides, so
that no member of a committee is favoured; a pair of equals is none.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ..seeds import seed


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer to the prompt at `place`, by a member of the committee, and what the judge said."""

    place: int
    member: int
    number: int
    text: str
    ended: bool
    tokens: int
    score: float | None

    def rank(self, rng: int) -> tuple[bool, float, int]:
        """The larger the better."""
        score = -math.inf if self.score is None else self.score
        return self.ended, score, seed(rng, "tie", self.place, self.member, self.number)


def best(answers: Sequence[Answer], count: int, rng: int) -> list[Answer]:
    """The best of one prompt that ended, best first; equal texts count once."""
    found: dict[str, Answer] = {}
    for answer in sorted(answers, key=lambda one: one.rank(rng), reverse=True):
        if answer.ended:
            found.setdefault(answer.text, answer)
    return list(found.values())[:count]


def extremes(answers: Sequence[Answer], rng: int) -> tuple[Answer, Answer] | None:
    """The best and the worst of one prompt; None where no answer ended, or all are as good."""
    ranked = sorted(answers, key=lambda one: one.rank(rng))
    if not ranked:
        return None
    worst, first = ranked[0], ranked[-1]
    differ = (first.ended, first.score) != (worst.ended, worst.score) and first.text != worst.text
    return (first, worst) if first.ended and differ else None


def top(answers: Sequence[Answer], share: float, rng: int) -> list[Answer]:
    """The best share of all that were drawn, in the order of the prompts; what was cut off is not among them."""
    count = round(len(answers) * share)
    ranked = sorted((one for one in answers if one.ended), key=lambda one: one.rank(rng), reverse=True)
    return sorted(ranked[:count], key=lambda one: (one.place, one.member, one.number))
