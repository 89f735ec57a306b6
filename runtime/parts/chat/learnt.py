"""Conversations as the token ids that a stage learns from, with the mask in each id's lowest bit.

So they are documents like any others: whatever packs, orders and mixes documents packs conversations, and the
mask goes where its token goes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

import torch
from torch import Tensor

from ...errors import StageError
from ..data.feed import IGNORED, Batch
from ..data.tokens import Documents, collect
from .rows import Conversation
from .template import ChatTemplate, Encoded

_AT_ONCE = 512  # conversations that are encoded together


@dataclass(frozen=True)
class Learnt:
    """What is learnt of some data; `answers` are the tokens that the loss is on."""

    documents: Documents
    conversations: int
    tokens: int
    answers: int
    long: int
    """Conversations that did not fit and were left out: none is cut, for half an answer teaches to stop there."""


def learnt(found: Iterable[Conversation], template: ChatTemplate, longest: int) -> Learnt:
    """Every conversation of at most `longest` tokens.  Raises StageError at one without an answer."""
    counts = {"conversations": 0, "tokens": 0, "answers": 0, "long": 0}

    def kept() -> Iterator[list[int]]:
        for encoded in _encoded(iter(found), template):
            if len(encoded.ids) > longest:
                counts["long"] += 1
                continue
            counts["conversations"] += 1
            counts["tokens"] += len(encoded.ids)
            counts["answers"] += sum(encoded.supervised)
            yield marked(encoded)

    documents = collect(kept(), 2 * template.words.size)
    return Learnt(documents, **counts)


def _encoded(found: Iterator[Conversation], template: ChatTemplate) -> Iterator[Encoded]:
    while some := list(islice(found, _AT_ONCE)):
        for one in some:
            if not any(turn.role == "assistant" for turn in one.messages):
                raise _no_answer(one)
        for one, encoded in zip(some, template.encode_all([one.messages for one in some]), strict=True):
            yield _unended(encoded) if one.meta.get("ended") is False else encoded


def _unended(encoded: Encoded) -> Encoded:
    """An answer that was cut at its longest does not teach to stop there: what the template puts behind it is no
    label."""
    supervised = list(encoded.supervised)
    last = max((at for at, one in enumerate(supervised) if one), default=-1)
    while last >= 0 and supervised[last] and encoded.control[last]:
        supervised[last] = False
        last -= 1
    return Encoded(encoded.ids, supervised, encoded.control)


def marked(encoded: Encoded) -> list[int]:
    return [2 * token + mark for token, mark in zip(encoded.ids, encoded.supervised, strict=True)]


def unmarked(batch: Batch) -> Batch:
    """A batch of marked ids as one of ids, whose labels are the marked ones alone."""
    taught_BT = (batch.labels_BT >= 0) & (batch.labels_BT & 1).bool()
    labels_BT = (batch.labels_BT >> 1).where(taught_BT, torch.tensor(IGNORED))
    return Batch(batch.tokens_BT >> 1, labels_BT, batch.documents_BT, batch.beside)


def taught(ids: Tensor) -> tuple[Tensor, Tensor]:
    """Marked ids as ids and mask."""
    return ids >> 1, (ids & 1).bool()


def _no_answer(one: Conversation) -> StageError:
    roles = ", ".join(turn.role for turn in one.messages)
    headline = f"{one.id} has no turn of the assistant, so there is nothing to learn of it"
    help = ("leave the row out, or give it an answer",)
    return StageError("RUN205", "no-answer", headline, notes=(f"its turns: {roles}",), help=help)
