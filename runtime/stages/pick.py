"""`pick`: the best of several models, by a judge of their answers to some prompts."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from statistics import fmean

from ...compiler.plan.model import PickWork, Step
from ..errors import Interrupted
from ..parts.chat.rows import PAIRS, Prompt, read_pairs, read_prompts
from ..parts.chat.template import ChatTemplate
from ..parts.data.heldout import spread
from ..parts.data.vocabulary import Vocabulary
from ..parts.judging.door import judge_of
from ..parts.model import history
from ..parts.model.files import load
from ..parts.sampling.answers import Here, Settings
from ..parts.seeds import seed
from .room import Facts, Room

LIST = "picked.json"
_PROMPTS, _LONGEST = 64, 256
_NO_LIMIT = 1 << 40


def run(step: Step, inputs: Mapping[str, Path], room: Room) -> Facts:
    work = step.work
    assert isinstance(work, PickWork)
    judge = judge_of(step, work.judge, inputs, room)
    prompts, words = _asked(inputs["prompts"]), Vocabulary.open(inputs["tokenizer"])
    roles = sorted(
        (role for role in inputs if role.startswith("model:")),
        key=lambda role: int(role.removeprefix("model:")),
    )
    folders = [folder for role in roles for folder in picked(inputs[role])]
    scores: list[float] = []
    for folder in folders:
        if room.stopping:
            raise Interrupted(f"`{step.address}` was stopped; it starts anew next time", step=step.address)
        template = ChatTemplate.of(None, words, folder)
        member = Here(
            load(folder).to(room.means.device).eval(), template, Settings(_LONGEST, 1.0), context(folder)
        )
        member = member.within_its_context(prompts)
        asks = [(prompt, seed(0, "pick", place)) for place, prompt in enumerate(prompts)]
        scores.append(fmean(judge(member.answer(asks, lambda: None))))
        room.say("progress", step=len(scores), of=len(folders), score=scores[-1])
    chosen = sorted(range(len(folders)), key=lambda place: (-scores[place], place))[: work.count]
    _write([folders[place] for place in chosen], room.folder)
    return {"scores": scores, "chosen": chosen, "prompts": len(prompts)}


def picked(folder: Path) -> list[Path]:
    """The models in a folder: itself, or those that a choice of several left there."""
    if not (folder / LIST).is_file():
        return [folder]
    return [folder / name for name in json.loads((folder / LIST).read_bytes())]


def context(folder: Path) -> int:
    """How many tokens the model in a folder was trained to read; nothing is known of one that was not trained here."""
    return history.context(history.read(folder), _NO_LIMIT)


def _asked(folder: Path) -> list[Prompt]:
    """Some of the prompts of a folder, all over it."""
    if (folder / PAIRS).is_file():
        found = [Prompt(pair.id, pair.prompt, pair.meta) for pair in read_pairs(folder)]
    else:
        found = list(read_prompts(folder))
    return [found[place] for place in spread(len(found), _PROMPTS)]


def _write(chosen: list[Path], to: Path) -> None:
    if len(chosen) == 1:
        shutil.copytree(chosen[0], to, dirs_exist_ok=True, copy_function=shutil.copyfile)
        (to / "manifest.json").unlink(missing_ok=True)
        return
    names = [f"{place}" for place in range(len(chosen))]
    for name, folder in zip(names, chosen, strict=True):
        shutil.copytree(folder, to / name, copy_function=shutil.copyfile)
        (to / name / "manifest.json").unlink(missing_ok=True)
    (to / LIST).write_text(json.dumps(names) + "\n")
