"""Stand-in text of the right size: a corpus that is not there yet, for a rehearsal.

Words of a made-up language, the k-th about 1/k as often as the first (Zipf's law),
in sentences.  It is told by its seed and sizes alone, and written as it is made.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate
from random import Random

from ..seeds import seed
from .documents import Document

_BYTES_PER_TOKEN = 4
"""Of the text made for each token that the spec speaks of: a small vocabulary takes fewer, and so finds enough."""
_TOKENS = 1_000_000  # where the spec does not say
_LENGTHS = (64, 1024)  # tokens of a document, where the spec does not say
_WORDS = 4000
_LETTERS = ("aeiou", "bdfgklmnprstvz")


def synthetic(
    rng: int, tokens: int | None, examples: int | None, lengths: tuple[int, int] | None
) -> Iterator[Document]:
    """Documents, until there are enough of them and of their text."""
    shortest, longest = lengths or _LENGTHS
    left = (tokens or (0 if examples else _TOKENS)) * _BYTES_PER_TOKEN
    words, weights = _language(rng)
    number = 0
    while left > 0 or number < max(2, examples or 0):
        draw = Random(seed(rng, "synthetic", number))
        size = _BYTES_PER_TOKEN * (shortest + int(draw.random() * (longest - shortest + 1)))
        text = _text(size, words, weights, draw)
        yield Document(f"synthetic/{number:08}", text)
        left, number = left - len(text), number + 1


def _language(rng: int) -> tuple[list[str], list[float]]:
    """Words of one to four syllables, and the running sum of how often each is said."""
    draw, found = Random(seed(rng, "synthetic", "words")), dict[str, None]()
    vowels, consonants = _LETTERS
    while len(found) < _WORDS:
        syllables = 1 + int(4 * draw.random())
        pairs = (
            consonants[int(len(consonants) * draw.random())] + vowels[int(len(vowels) * draw.random())]
            for _ in range(syllables)
        )
        found["".join(pairs)] = None
    return list(found), list(accumulate(1 / (place + 1) for place in range(_WORDS)))


def _text(size: int, words: list[str], weights: list[float], draw: Random) -> str:
    """Sentences of four to fifteen words, up to this many bytes and the end of the last."""
    said: list[str] = []
    written = 0
    while written < size:
        count = 4 + int(12 * draw.random())
        sentence = " ".join(draw.choices(words, cum_weights=weights, k=count)).capitalize() + ".\n"
        said.append(sentence)
        written += len(sentence)
    return "".join(said)
