"""Perplexity: the loss over the beginnings of held-out documents, by position in the document, and the accuracy."""

from __future__ import annotations

import math
from typing import Any

import torch

from ....compiler.plan.model import Perplexity
from ....kernels.cross_entropy.op import log_probs
from ....kernels.distill.targets import guesses
from ...errors import StageError
from ..data.feed import IGNORED
from ..data.heldout import windows
from ..data.tokens import TokenSet
from .subject import Subject

_FIRST_BUCKET = 32


def score(subject: Subject, bench: Perplexity) -> dict[str, Any]:
    """Mean loss in nats, and for positions 0-31, 32-63, 64-127 …; and how often the likeliest token is the next."""
    model, edges = subject.model, _edges(bench.context)
    sums, counts = torch.zeros(len(edges), dtype=torch.float64), torch.zeros(len(edges), dtype=torch.int64)
    right = torch.zeros((), dtype=torch.int64)
    spans = list(zip([0, *edges[:-1]], edges, strict=True))
    tokens = TokenSet.open(subject.inputs[f"tokens:{bench.corpus}"])
    for batch in windows(tokens.heldout, bench.context, bench.sequences):
        batch = batch.to(model.device)
        hidden_ND = model.hidden(batch.tokens_BT, batch.documents_BT, subject.rope).flatten(0, 1)
        labels_N = batch.labels_BT.flatten()
        losses_BT = -log_probs(
            hidden_ND, model.unembedding, labels_N, cap=model.arch.final_cap, ignore=IGNORED
        ).view_as(batch.labels_BT)
        right += (guesses(hidden_ND, model.unembedding) == labels_N).sum().cpu()
        for bucket, (start, end) in enumerate(spans):
            sums[bucket] += losses_BT[:, start:end].sum(dtype=torch.float64).cpu()
            counts[bucket] += (batch.labels_BT[:, start:end] != IGNORED).sum().cpu()
    if not counts.sum():
        headline = f"no text of `{bench.corpus}` is held out, so there is nothing to measure"
        help = ("a corpus needs a few more documents for some of them to be held out",)
        raise StageError("RUN156", "nothing-to-measure", headline, help=help)
    nats = (sums.sum() / counts.sum()).item()
    return {
        "value": _exp(nats),
        "corpus": bench.corpus,
        "nats": nats,
        "perplexity": _exp(nats),
        "accuracy": (right / counts.sum()).item(),
        "tokens": int(counts.sum()),
        "by_position": {
            f"{start}-{end - 1}": (total / count).item()
            for (start, end), total, count in zip(spans, sums, counts, strict=True)
            if count
        },
    }


def _exp(nats: float) -> float:
    """JSON knows no infinity."""
    return math.exp(min(nats, 700.0))


def _edges(context: int) -> list[int]:
    """Ends of the position buckets: 32, 64, 128, … up to the context."""
    edges, edge = list[int](), _FIRST_BUCKET
    while edge < context:
        edges.append(edge)
        edge *= 2
    return [*edges, context]
