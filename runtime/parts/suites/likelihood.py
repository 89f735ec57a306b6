"""How likely a model finds a continuation: what multiple choice, preferences and the harness ask.

B rows, T positions, D width, N positions that are judged, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch.nn.functional import linear

from ....kernels.cross_entropy.op import log_probs
from ..data.vocabulary import Vocabulary
from .subject import Subject

_TOKENS = 1 << 14  # of a batch at most, padding included
_NONE = -1


@dataclass(frozen=True, slots=True)
class Likelihood:
    """`total` is the sum of a continuation's log-probabilities in nats, `tokens` how many it has."""

    total: float
    tokens: int
    is_greedy: bool


def encode(words: Vocabulary, context: str, continuation: str) -> tuple[list[int], list[int]]:
    """A context with the begin token, and what follows it, as token ids.

    Both are encoded together, as a reader meets them; blanks between them belong to what follows.
    Where one token spans the border, nothing would be left to judge, and what follows is encoded alone.
    """
    bare = context.rstrip()
    whole, head, alone = words.encode([context + continuation, bare, continuation])
    return [words.begin, *head], whole[len(head) :] or alone


def likelihoods(
    subject: Subject, pairs: Sequence[tuple[Sequence[int], Sequence[int]]], context: int
) -> list[Likelihood]:
    """Of every (context, continuation).  Where both are longer than `context`, the earliest tokens go.

    The longest rows come first, so that rows of a batch are of nearly one length; the order changes no result.
    """
    cut = [_cut(list(head), list(tail), context) for head, tail in pairs]
    order = sorted(range(len(cut)), key=lambda at: -sum(map(len, cut[at])))
    found: dict[int, Likelihood] = {}
    while order:
        widest = sum(map(len, cut[order[0]]))
        together = order[: max(1, _TOKENS // widest)]
        found.update(zip(together, _batch(subject, [cut[at] for at in together]), strict=True))
        order = order[len(together) :]
    return [found[at] for at in range(len(cut))]


def _cut(head: list[int], tail: list[int], context: int) -> tuple[list[int], list[int]]:
    """The last `context` tokens that are read, and the one after them, which is only judged."""
    tail = tail[-context:]
    return head[-(context + 1 - len(tail)) :], tail


def _batch(subject: Subject, rows: list[tuple[list[int], list[int]]]) -> list[Likelihood]:
    model = subject.model
    shape = len(rows), max(len(head) + len(tail) for head, tail in rows) - 1
    tokens_BT = torch.zeros(shape, dtype=torch.int64)
    documents_BT, judged_BT = torch.full(shape, _NONE), torch.zeros(shape, dtype=torch.bool)
    for row, (head, tail) in enumerate(rows):
        read = [*head, *tail][:-1]
        tokens_BT[row, : len(read)] = torch.tensor(read)
        documents_BT[row, : len(read)] = row
        judged_BT[row, len(head) - 1 : len(read)] = True
    labels_N = torch.tensor([token for _, tail in rows for token in tail], dtype=torch.int64).to(model.device)
    hidden_ND = model.hidden(tokens_BT, documents_BT, subject.rope)[judged_BT]
    logs_N = log_probs(hidden_ND, model.unembedding, labels_N, cap=model.arch.final_cap)
    greedy_N = linear(hidden_ND, model.unembedding).argmax(-1) == labels_N
    sizes = [len(tail) for _, tail in rows]
    return [
        Likelihood(logs.sum(dtype=torch.float64).item(), logs.numel(), bool(greedy.all()))
        for logs, greedy in zip(logs_N.split(sizes), greedy_N.split(sizes), strict=True)
    ]
