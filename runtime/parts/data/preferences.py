"""`builtin("preferences")`: right answers to the questions of `skills` over wrong ones that look like them."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from ..chat.rows import Pair, Turn
from ..seeds import seed
from .skills import answer, questions, slip

STRONGEST = 3
"""The level of a preference over an answer in which no word stands where it should; 0 is the least."""


def preferences(rng: int, count: int, *, held: bool) -> Iterator[Pair]:
    """So many pairs, all about questions that are held out or none."""
    part = "heldout" if held else "train"
    draw = Random(seed(rng, "preferences", part, "answers"))
    asked = questions(count, Random(seed(rng, "preferences", part)), held=held)
    for number, question in enumerate(asked):
        right, wrong = answer(question), plausible(question, draw)
        share = _in_place(right.split(), wrong.split())
        yield Pair(
            id=f"preferences/{part}/{number:06}",
            prompt=(Turn("user", f"the {question} is"),),
            chosen=f"{right} .",
            rejected=f"{wrong} .",
            level=round(STRONGEST * (1 - share)),
            grades={"truthfulness": (2, 1 if share else 0), "instruction": (2, 2)},
        )


def plausible(question: str, draw: Random) -> str:
    """A wrong answer of the right kind: one word is another, or of several the last is lost or two change places."""
    right = answer(question).split()
    way = draw.random()
    if len(right) == 1 or way < 0.5:
        return slip(question, draw)
    if way < 0.75:
        return " ".join(right[:-1])
    at = int(draw.random() * (len(right) - 1))
    right[at], right[at + 1] = right[at + 1], right[at]
    return " ".join(right)


def _in_place(right: list[str], wrong: list[str]) -> float:
    same = sum(one == other for one, other in zip(right, wrong, strict=False))
    return same / max(len(right), len(wrong))
