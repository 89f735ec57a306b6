"""A model measured on its way through a stage, for the gates that stand there."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...compiler.plan.model import Bench, Phase, Template
from ..parts.chat import carried
from ..parts.chat.template import ChatTemplate
from ..parts.data.vocabulary import Vocabulary
from ..parts.model.decoder import Decoder
from ..parts.suites.measure import measure, within
from ..parts.suites.subject import Subject


def on_the_way(
    model: Decoder,
    benches: Mapping[str, Bench],
    phase: Phase,
    inputs: Mapping[str, Path],
    rng: int,
    root: Path,
    template: Template | None = None,
    before: Path | None = None,
) -> dict[str, Any]:
    """A score for each bench, at no longer a context than that of the phase that the model comes from.

    It is asked in conversation as its stage teaches it, or as the model in `before`, of which it is made, was.
    """
    words = Vocabulary.open(inputs["tokenizer"])
    chats = template is not None or (before is not None and carried.text(before) is not None)
    chat = ChatTemplate.of(template, words, before) if chats else None
    subject = Subject(model, words, phase.rope, inputs, root, chat)
    return {name: measure(subject, within(bench, phase.context), rng) for name, bench in benches.items()}
