"""`release`: a model with its tokenizer, as files that others open."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from ...compiler.plan.model import ReleaseWork, Step
from ..parts.chat import carried
from ..parts.chat.template import ChatTemplate
from ..parts.data.vocabulary import Vocabulary
from ..parts.huggingface import tokenizer
from ..parts.huggingface.folder import export
from ..parts.model import history
from ..parts.model.files import SHAPE, WEIGHTS, load
from .room import Facts, Room


def run(step: Step, inputs: Mapping[str, Path], room: Room) -> Facts:
    """Read the model once, so that what leaves opens; then write a folder, or copy our own files."""
    work = step.work
    assert isinstance(work, ReleaseWork)
    model = load(inputs["model"])
    template, stop = _chat(work, inputs["model"])
    if work.format == "huggingface":
        past = history.read(inputs["model"])
        if template is not None:
            stop = _stops(template, stop, inputs["tokenizer"])
        written = export(model, past, inputs["tokenizer"], room.folder, template=template, stop=stop)
    else:
        written = _copied(inputs, room.folder, template)
    return {"params": model.params, "files": written, "format": work.format}


def _chat(work: ReleaseWork, model: Path) -> tuple[str | None, tuple[str, ...]]:
    """The spec's template, or the one that the model carries, and what was said to end an answer."""
    if work.template:
        return work.template.text, work.template.stop
    return carried.text(model), carried.stops(model)


def _stops(template: str, stop: tuple[str, ...], tokenizer_folder: Path) -> tuple[str, ...]:
    """All tokens at which whoever opens the release must stop: the template's own among them."""
    words = Vocabulary.open(tokenizer_folder)
    found = sorted(ChatTemplate(template, words, stop).stops - {words.end})
    named = (words.tokenizer.id_to_token(one) for one in found)
    return tuple(dict.fromkeys((*stop, *(one for one in named if one))))


def _copied(inputs: Mapping[str, Path], to: Path, template: str | None) -> list[str]:
    """Our own files as they are; a template that is given replaces the tokenizer's."""
    names = [name for name in (WEIGHTS, SHAPE, history.NAME) if (inputs["model"] / name).is_file()]
    for name in names:
        shutil.copyfile(inputs["model"] / name, to / name)
    names += tokenizer.copy(inputs["tokenizer"], to)
    if template is not None:
        (to / tokenizer.TEMPLATE).write_text(template, encoding="utf-8")
        names.append(tokenizer.TEMPLATE)
    return sorted(set(names))
