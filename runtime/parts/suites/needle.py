"""Needle in a haystack: a number hidden in a long text, asked for at its end.

For each of a few lengths (the context, its half, its quarter …) the needle stands at each of a few
depths, from the first sentence to the last.  Everything is drawn from the bench and the seed, so
that two models read the same texts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import cycle, islice
from random import Random
from typing import Any

from ....compiler.plan.model import Needle
from ...errors import StageError
from ..data.tables import read_documents
from ..data.vocabulary import Vocabulary
from ..model.generate import generate
from ..seeds import seed
from .exact import stops
from .subject import Subject

_PLACES = ("Ashford", "Bergen", "Cordoba", "Dakar", "Esbjerg", "Faro", "Galway", "Hobart")
_WHO = ("The baker", "A sailor", "The old clerk", "My neighbour", "A student", "The gardener", "One guest")
_DOES = ("opened", "carried", "painted", "forgot", "repaired", "borrowed", "described")
_WHAT = ("the blue door", "a wooden boat", "the long letter", "an empty basket", "the garden gate")
_WHEN = ("before noon", "in the rain", "without a word", "on a Sunday", "after supper", "once more")
_DIGITS = 4
_HAY = 1 << 16  # characters of a document that are read at most


def score(subject: Subject, bench: Needle, rng: int) -> dict[str, Any]:
    """The share of needles that are found, in all and by length and depth (0 is the beginning)."""
    words, hay = subject.words, _hay(subject, bench, rng)
    found: dict[str, dict[str, float]] = {}
    for length in _lengths(bench):
        texts = [_text(words, hay, length, depth, bench, rng) for depth in range(bench.depths)]
        fitting = [(prompt, answer) for prompt, answer in texts if prompt]
        if len(fitting) < len(texts):
            continue  # the needle and its question alone are longer
        replies = generate(
            subject.model,
            [prompt for prompt, _ in fitting],
            max_new=_most_new(words),
            stop=stops(words),
            temperature=0.0,
            rng=0,
            rope=subject.rope,
        )
        is_right = [
            words.decode(reply).strip() == answer for reply, (_, answer) in zip(replies, fitting, strict=True)
        ]
        found[str(length)] = {
            f"{_share(depth, bench.depths):.0%}": float(right) for depth, right in enumerate(is_right)
        }
    marks = [mark for depths in found.values() for mark in depths.values()]
    if not marks:
        headline = f"a needle and its question do not fit into {bench.context} tokens"
        raise StageError("RUN156", "nothing-to-measure", headline, help=("raise the bench's `context`",))
    share = sum(marks) / len(marks)
    return {"value": share, "found": share, "asked": len(marks), "by_length": found}


def _lengths(bench: Needle) -> list[int]:
    return [bench.context >> halvings for halvings in range(bench.lengths) if bench.context >> halvings]


def _share(depth: int, depths: int) -> float:
    return depth / (depths - 1) if depths > 1 else 0.5


def _most_new(words: Vocabulary) -> int:
    """Room for the longest number and what ends it."""
    return max(len(ids) for ids in words.encode([f" {'9' * _DIGITS}", f" {'1234567890'[:_DIGITS]}"])) + 2


def _text(
    words: Vocabulary, hay: Sequence[list[int]], length: int, depth: int, bench: Needle, rng: int
) -> tuple[list[int], str]:
    """A prompt of `length` tokens with the answer's room, or none where that is too short; and the answer."""
    draw = Random(seed(rng, "needle", length, depth))
    place = _PLACES[int(draw.random() * len(_PLACES))]
    number = "".join(str(int(draw.random() * 10)) for _ in range(_DIGITS))
    needle, question = words.encode([f" The number of {place} is {number}.", f" The number of {place} is"])
    room = length - 1 - len(needle) - len(question) - _most_new(words)
    if room < 0:
        return [], number
    sentences = list(_filled(hay, int(draw.random() * len(hay)), room))
    at = round(_share(depth, bench.depths) * len(sentences))
    parts = [*sentences[:at], needle, *sentences[at:], question]
    return [words.begin, *(token for part in parts for token in part)], number


def _filled(hay: Sequence[list[int]], start: int, room: int) -> Iterator[list[int]]:
    """Sentences in their order from `start` on, around and around, until `room` tokens are filled; the last is cut."""
    for sentence in islice(cycle(hay), start, None):
        if room <= 0:
            return
        yield sentence[:room]
        room -= len(sentence)


def _hay(subject: Subject, bench: Needle, rng: int) -> list[list[int]]:
    """The haystack's sentences as token ids."""
    if not bench.corpus:
        found = subject.words.encode(_sentences(Random(seed(rng, "needle", "hay"))))
    else:
        path = subject.inputs[f"corpus:{bench.corpus}"] / "heldout.parquet"
        texts = (document.text[:_HAY] for document in read_documents(path))
        lines = [f" {line.strip()}" for text in texts for line in text.splitlines() if line.strip()]
        found = [ids for ids in subject.words.encode(lines) if ids]
    if not found:
        headline = f"no text of `{bench.corpus}` is held out, so there is no haystack"
        help = ("leave `corpus` out: the haystack is generated then",)
        raise StageError("RUN156", "nothing-to-measure", headline, help=help)
    return found


def _sentences(draw: Random) -> list[str]:
    """Sentences without a number in them."""

    def one_of(things: Sequence[str]) -> str:
        return things[int(draw.random() * len(things))]

    return [f" {one_of(_WHO)} {one_of(_DOES)} {one_of(_WHAT)} {one_of(_WHEN)}." for _ in range(200)]
