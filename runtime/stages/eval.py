"""`eval`: a model measured on what was held out."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch.nn.functional import cross_entropy

from ...compiler.plan.model import Continuations, EvalWork, ExactMatch, Perplexity, Step
from ..parts.data.feed import IGNORED
from ..parts.data.heldout import spread, windows
from ..parts.data.tables import read_questions
from ..parts.data.tokens import TokenSet
from ..parts.data.vocabulary import Vocabulary
from ..parts.model.decoder import Decoder
from ..parts.model.files import load
from ..parts.model.generate import generate
from .room import Facts, Room

_FIRST_BUCKET = 32


@torch.no_grad()
def run(step: Step, inputs: Mapping[str, Path], room: Room) -> Facts:
    """Write `scores.json`: nats, perplexity and loss by position per corpus, exact match, continuations."""
    work = step.work
    assert isinstance(work, EvalWork)
    model, words = load(inputs["model"]), Vocabulary.open(inputs["tokenizer"])
    scores: dict[str, Any] = {}
    for done, (name, bench) in enumerate(work.benches.items(), start=1):
        match bench:
            case Perplexity():
                scores[name] = perplexity(model, bench, TokenSet.open(inputs[f"tokens:{bench.corpus}"]))
            case ExactMatch():
                scores[name] = exact_match(model, words, bench, inputs[f"corpus:{bench.corpus}"])
        room.say("progress", step=done, of=len(work.benches), bench=name)
    facts: Facts = {"scores": scores}
    if work.continuations:
        facts["continuations"] = continuations(model, words, work.continuations, work.rng)
    (room.folder / "scores.json").write_text(json.dumps(facts, indent=2, sort_keys=True) + "\n")
    return facts


def perplexity(model: Decoder, bench: Perplexity, tokens: TokenSet) -> dict[str, Any]:
    """Mean loss in nats over the beginnings of held-out documents, and by position in the document."""
    edges = _edges(bench.context)
    sums, counts = torch.zeros(len(edges), dtype=torch.float64), torch.zeros(len(edges), dtype=torch.int64)
    for batch in windows(tokens.heldout, bench.context, bench.sequences):
        logits_BTV = model(batch.tokens_BT, batch.documents_BT, model.arch.rope)
        losses_BT = cross_entropy(
            logits_BTV.flatten(0, 1), batch.labels_BT.flatten(), ignore_index=IGNORED, reduction="none"
        ).view_as(batch.labels_BT)
        starts = [0, *edges[:-1]]
        for bucket, (start, end) in enumerate(zip(starts, edges, strict=True)):
            sums[bucket] += losses_BT[:, start:end].sum(dtype=torch.float64)
            counts[bucket] += (batch.labels_BT[:, start:end] != IGNORED).sum()
    nats = (sums.sum() / counts.sum()).item()
    by_position = {
        f"{start}-{end - 1}": (total / count).item()
        for start, end, total, count in zip([0, *edges[:-1]], edges, sums, counts, strict=True)
        if count
    }
    return {
        "suite": "perplexity",
        "corpus": bench.corpus,
        "nats": nats,
        "perplexity": math.exp(nats),
        "tokens": int(counts.sum()),
        "by_position": by_position,
    }


def exact_match(model: Decoder, words: Vocabulary, bench: ExactMatch, corpus: Path) -> dict[str, Any]:
    """Share of held-out questions whose greedy answer is right to the letter."""
    questions = read_questions(corpus / "questions.parquet")
    asked = [questions[index] for index in spread(len(questions), bench.questions)]
    prompts = [[words.begin, *ids] for ids in words.encode([question.prompt for question in asked])]
    stops = frozenset({words.end, *_ends_of_answers(words)})
    replies = generate(
        model,
        prompts,
        max_new=bench.max_new,
        stop=stops,
        temperature=0.0,
        rng=0,
        rope=model.arch.rope,
    )
    right = sum(
        words.decode(reply).strip() == question.answer.removesuffix(".").strip()
        for reply, question in zip(replies, asked, strict=True)
    )
    return {"suite": "exact_match", "corpus": bench.corpus, "exact": right / len(asked), "asked": len(asked)}


def continuations(model: Decoder, words: Vocabulary, wanted: Continuations, rng: int) -> list[dict[str, str]]:
    """What the model goes on with after each prompt."""
    prompts = [[words.begin, *ids] for ids in words.encode(wanted.prompts)]
    found = generate(
        model,
        prompts,
        max_new=wanted.max_new,
        stop=frozenset({words.end}),
        temperature=wanted.temperature,
        rng=rng,
        rope=model.arch.rope,
    )
    return [
        {"prompt": prompt, "text": words.decode(ids)}
        for prompt, ids in zip(wanted.prompts, found, strict=True)
    ]


def _ends_of_answers(words: Vocabulary) -> list[int]:
    """Tokens with a full stop or a line's end in them: BPE merges " .\\n" and its like into one."""
    return [token for token in range(words.size) if {".", "\n"} & set(words.decode([token]))]


def _edges(context: int) -> list[int]:
    """Ends of the position buckets: 32, 64, 128, … up to the context."""
    edges, edge = list[int](), _FIRST_BUCKET
    while edge < context:
        edges.append(edge)
        edge *= 2
    return [*edges, context]
