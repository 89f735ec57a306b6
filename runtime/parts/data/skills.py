"""The corpus `skills`: short exercises that a model of a million parameters can learn.

A sentence is "the last of q w e is e .": a question ("last of q w e"), and the
answer that `answer` works out.  One question in eight is held out by its name, in
whatever form it is asked; on purpose a share of the training answers may be
wrong, so that a later stage has something to put right.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from fractions import Fraction
from random import Random
from string import ascii_lowercase
from typing import TypeVar

from ..seeds import seed
from .documents import Document, Question, Split

Thing = TypeVar("Thing")

TRAINING_DOCUMENTS = 4000
HELDOUT_DOCUMENTS = 100
_SENTENCES = 48  # to a document: about 500 tokens
_ONE_IN = 8
# How many letters a question of each kind has at least and at most.
_LETTERS = {"first": (3, 6), "last": (3, 6), "count": (2, 8), "repeat": (2, 4), "sort": (2, 3)}
_KINDS = (*_LETTERS, "larger")


def skills(
    wrong: Fraction, rng: int, training: int = TRAINING_DOCUMENTS, heldout: int = HELDOUT_DOCUMENTS
) -> Split:
    """The corpus with exactly this share of wrong answers among the training sentences."""
    learnt = questions(training * _SENTENCES, Random(seed(rng, "skills", "train")), held=False)
    asked = questions(heldout * _SENTENCES, Random(seed(rng, "skills", "heldout")), held=True)
    mistaken = _mistakes(len(learnt), wrong, seed(rng, "skills", "which"))
    slips = Random(seed(rng, "skills", "slips"))
    said = [
        sentence(question, slip(question, slips) if at in mistaken else answer(question))
        for at, question in enumerate(learnt)
    ]
    truths = [sentence(question, answer(question)) for question in asked]
    table = tuple(
        Question(f"the {question} is", f"{answer(question)} .") for question in dict.fromkeys(asked)
    )
    return Split(_documents("train", said), _documents("heldout", truths), table)


def prompts(rng: int, count: int) -> list[Question]:
    """Beginnings of sentences with their right answers, none of them about a question that is held out."""
    drawn = questions(count, Random(seed(rng, "skills", "prompts")), held=False)
    return [Question(f"the {question} is", answer(question)) for question in drawn]


def instructions(wrong: Fraction, rng: int, count: int, *, held: bool = False) -> list[Question]:
    """Questions alone, as a user asks them, each with its answer: exactly this share of them is wrong."""
    part = "heldout" if held else "train"
    asked = questions(count, Random(seed(rng, "instructions", part)), held=held)
    mistaken = _mistakes(count, wrong, seed(rng, "instructions", part, "which"))
    slips = Random(seed(rng, "instructions", part, "slips"))
    return [
        Question(question, slip(question, slips) if at in mistaken else answer(question))
        for at, question in enumerate(asked)
    ]


def sentence(question: str, reply: str) -> str:
    return f"the {question} is {reply} ."


def answer(question: str) -> str:
    """The right answer, worked out from the question's words alone."""
    kind, _, *words = question.split()
    match kind:
        case "first":
            return words[0]
        case "last":
            return words[-1]
        case "count":
            return str(len(words))
        case "repeat":
            return " ".join(words)
        case "sort":
            return " ".join(sorted(words))
        case "larger":
            return max(words[0], words[-1], key=int)
        case _:
            raise ValueError(f"no skill is called {kind}")


def is_held_out(question: str) -> bool:
    """Whether a question is kept for the examination, by its own name.

    The order in which `larger` names its numbers does not make another question of it.
    """
    kind, _, *words = question.split()
    if kind == "larger":
        small, large = sorted((words[0], words[-1]), key=int)
        question = f"larger of {small} and {large}"
    return zlib.crc32(question.encode()) % _ONE_IN == 0


def slip(question: str, draw: Random) -> str:
    """A wrong answer of the same kind as the right one."""
    kind, _, *words = question.split()
    if kind == "larger":
        return min(words[0], words[-1], key=int)
    if kind == "count":
        return _one_of([str(count) for count in range(2, 9) if count != len(words)], draw)
    # One letter of the answer becomes a letter that was not asked about.
    letters = answer(question).split()
    letters[_below(len(letters), draw)] = _one_of(
        [letter for letter in ascii_lowercase if letter not in words], draw
    )
    return " ".join(letters)


def questions(count: int, draw: Random, *, held: bool) -> list[str]:
    """Questions of every kind, all of them held out or none."""
    asked: list[str] = []
    while len(asked) < count:
        question = _question(_one_of(_KINDS, draw), draw)
        if is_held_out(question) is held:
            asked.append(question)
    return asked


def _question(kind: str, draw: Random) -> str:
    if kind == "larger":
        first = _below(100, draw)
        second = (first + 1 + _below(99, draw)) % 100
        return f"larger of {first} and {second}"
    fewest, most = _LETTERS[kind]
    letters = _shuffled(ascii_lowercase, fewest + _below(most - fewest + 1, draw), draw)
    return f"{kind} of {' '.join(letters)}"


def _mistakes(count: int, wrong: Fraction, source: int) -> frozenset[int]:
    """Which sentences are wrong: the nearest whole number to the share, drawn without replacement."""
    return frozenset(_shuffled(range(count), round(count * wrong), Random(source)))


def _documents(part: str, sentences: list[str]) -> tuple[Document, ...]:
    starts = range(0, len(sentences), _SENTENCES)
    return tuple(
        Document(
            f"skills/{part}/{start // _SENTENCES:05}", "\n".join(sentences[start : start + _SENTENCES]) + "\n"
        )
        for start in starts
    )


# Only `Random.random` is promised to stay the same from one Python to the next.


def _below(count: int, draw: Random) -> int:
    return int(draw.random() * count)


def _one_of(choices: Sequence[str], draw: Random) -> str:
    return choices[_below(len(choices), draw)]


def _shuffled(things: Iterable[Thing], count: int, draw: Random) -> list[Thing]:
    """That many of the things, in an order of their own."""
    pool = list(things)
    for at in range(count):
        chosen = at + _below(len(pool) - at, draw)
        pool[at], pool[chosen] = pool[chosen], pool[at]
    return pool[:count]
