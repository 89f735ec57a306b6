"""`eval`: a model measured by benches.

The suites are in `parts/suites`; `measure` chooses.  The scores are the artifact, and what
`require` and `.scores` read.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...compiler.plan.model import EvalWork, Step
from ..errors import Interrupted
from ..parts.chat import carried
from ..parts.chat.template import ChatTemplate
from ..parts.data.vocabulary import Vocabulary
from ..parts.model.files import load
from ..parts.suites.generation import continuations
from ..parts.suites.measure import measure
from ..parts.suites.subject import Subject
from .room import Facts, Room


def run(step: Step, inputs: Mapping[str, Path], room: Room) -> Facts:
    """Write `scores.json`: a score for each bench by its name, and the continuations that were asked for."""
    work = step.work
    assert isinstance(work, EvalWork)
    model = load(inputs["model"]).to(room.means.device)
    words = Vocabulary.open(inputs["tokenizer"])
    chat = ChatTemplate.of(None, words, inputs["model"]) if carried.text(inputs["model"]) else None
    subject = Subject(model, words, model.arch.rope, inputs, room.root, chat)
    scores: dict[str, Any] = {}
    for done, (name, bench) in enumerate(work.benches.items(), start=1):
        if room.stopping:
            raise Interrupted(f"`{step.address}` was stopped; it starts anew next time.", step=step.address)
        scores[name] = measure(subject, bench, work.rng)
        room.say("progress", step=done, of=len(work.benches), bench=name)
    facts: Facts = {"scores": scores}
    if work.continuations:
        facts["continuations"] = continuations(subject, work.continuations, work.rng)
    document = json.dumps(facts, indent=2, sort_keys=True, allow_nan=False)
    (room.folder / "scores.json").write_text(document + "\n")
    return facts
