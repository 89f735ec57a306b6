"""Pairs of answers out of an artifact, as the token ids that a model reads.

Both answers of a pair follow one prompt.  Where prompt and answer are longer than the context, the prompt loses as
many tokens at its beginning in all answers alike, so that they stay comparable; an answer is never cut.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import torch

from ...errors import StageError
from ..chat.rows import Pair, Turn, read_pairs
from ..chat.template import ChatTemplate, Encoded
from .batches import NONE, Answer, Example

HEADERS, TERMINATORS = "headers", "terminators"
_TITLE = 48
"""Characters of a text that a letter shows."""


def examples(
    folder: Path,
    template: ChatTemplate,
    context: int,
    *,
    part: str = "",
    mask: Sequence[str] = (),
    graded: Sequence[str] = (),
    edits: bool = False,
) -> list[Example]:
    """Every pair of an artifact; with `edits` what people wrote out of an answer comes before it.

    A comparison leaves out what `mask` names: control tokens before an answer's text, and those behind it.
    """
    pairs = read_pairs(folder, part) if part else read_pairs(folder)
    return [_example(pair, template, context, mask, graded, edits) for pair in pairs]


def _example(
    pair: Pair,
    template: ChatTemplate,
    context: int,
    mask: Sequence[str],
    graded: Sequence[str],
    edits: bool,
) -> Example:
    texts = [pair.edited] if edits and pair.edited is not None else []
    texts += [pair.chosen, pair.rejected]
    answers = [_answer(template.encode((*pair.prompt, Turn("assistant", text))), mask) for text in texts]
    if any(torch.equal(one.ids, other.ids) for one, other in pairwise(answers)):
        raise _equal(pair)
    beyond = max(len(answer.ids) for answer in answers) - context
    if beyond > 0:
        if beyond >= min(int(answer.learnt.nonzero()[0]) for answer in answers):
            raise _too_long(pair, texts, answers, context)
        answers = [answer.after(beyond) for answer in answers]
    return Example(pair.id, tuple(answers), _level(pair), _grades(pair, graded, len(texts)))


def _level(pair: Pair) -> int:
    return NONE if pair.level is None else pair.level


def _grades(pair: Pair, graded: Sequence[str], answers: int) -> tuple[tuple[int, ...], ...]:
    """Of each answer the grades that are known; of an edited one none is."""
    if not graded:
        return ()
    known = [pair.grades.get(name, (NONE, NONE)) for name in graded]
    return ((NONE,) * len(graded),) * (answers - 2) + tuple(zip(*known, strict=True))


def _answer(encoded: Encoded, mask: Sequence[str]) -> Answer:
    """What the last turn's loss is on: earlier turns of the assistant are part of the prompt.

    It ends with the last token that the assistant generates, as an answer that was sampled does.
    """
    first, end = _last_run(encoded.supervised)
    text = [at for at in range(first, end) if not encoded.control[at]]
    opens, closes = (text[0], text[-1] + 1) if text else (end, end)
    learnt, compared = torch.zeros(2, len(encoded.ids), dtype=torch.bool)
    learnt[first:end] = True
    compared[opens if HEADERS in mask else first : closes if TERMINATORS in mask else end] = True
    return Answer(torch.tensor(encoded.ids)[:end], learnt[:end], compared[:end])


def _last_run(supervised: Sequence[bool]) -> tuple[int, int]:
    """Where the last tokens in a row begin and end that the assistant generates."""
    end = len(supervised)
    while end and not supervised[end - 1]:
        end -= 1
    first = end
    while first and supervised[first - 1]:
        first -= 1
    return first, end


# ---- letters ---------------------------------------------------------------------------


def _equal(pair: Pair) -> StageError:
    return StageError(
        "RUN211",
        "equal-answers",
        f"{pair.id} prefers an answer to itself",
        notes=(f"both answers are {pair.chosen[:_TITLE]!r}",),
        help=("leave pairs out whose answers are the same: they tell nothing",),
    )


def _too_long(pair: Pair, texts: Sequence[str], answers: Sequence[Answer], context: int) -> StageError:
    longest = max(range(len(answers)), key=lambda at: int(answers[at].learnt.sum()))
    size = int(answers[longest].learnt.sum())
    return StageError(
        "RUN212",
        "answer-too-long",
        f"an answer of {pair.id} has {size} tokens, which leave no room for its prompt in a context of {context}",
        notes=(f"it begins {texts[longest][:_TITLE]!r}",),
        help=("give the stage a longer `context`, or leave such pairs out",),
    )
