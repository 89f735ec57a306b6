"""Continuations: what a model goes on with, for a person to read."""

from __future__ import annotations

from ....compiler.plan.model import Continuations
from ..model.generate import generate
from .subject import Subject


def continuations(subject: Subject, wanted: Continuations, rng: int) -> list[dict[str, str]]:
    """What the model goes on with after each prompt."""
    words = subject.words
    found = generate(
        subject.model,
        [[words.begin, *ids] for ids in words.encode(wanted.prompts)],
        max_new=wanted.max_new,
        stop=frozenset({words.end}),
        temperature=wanted.temperature,
        rng=rng,
        rope=subject.rope,
    )
    return [
        {"prompt": prompt, "text": words.decode(ids)}
        for prompt, ids in zip(wanted.prompts, found, strict=True)
    ]
