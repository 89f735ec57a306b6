"""The proof of a mask: every token of a conversation, with what it is and whether the loss is on it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from typing import Literal

from ..data.vocabulary import Vocabulary
from .template import Encoded

Kind = Literal["prompt", "answer", "template", "truncated"]


@dataclass(frozen=True, slots=True)
class Token:
    """`answer` is what the loss is on, the control token that ends it included; `template` is its own text; what
    stands beyond the context is `truncated`, and then nothing of the conversation is learnt."""

    id: int
    text: str
    kind: Kind


def tokens(encoded: Encoded, words: Vocabulary, context: int) -> list[Token]:
    longest = context + 1  # the last token is a label alone
    found: list[Token] = []
    for place, (one, mask, own) in enumerate(
        zip(encoded.ids, encoded.supervised, encoded.control, strict=True)
    ):
        kind: Kind = (
            "truncated" if place >= longest else "answer" if mask else "template" if own else "prompt"
        )
        text = words.tokenizer.decode([one], skip_special_tokens=False)
        found.append(Token(one, text, kind))
    return found


def lines(found: list[Token]) -> list[tuple[Kind, list[str]]]:
    """Neighbours of one kind, each token spelt so that blanks and line ends are seen."""
    runs = groupby(found, key=attrgetter("kind"))
    return [(kind, [_spelt(one.text) for one in run]) for kind, run in runs]


def _spelt(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace("\t", "\\t").replace(" ", "·")
