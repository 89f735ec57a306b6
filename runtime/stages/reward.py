"""`reward`: a judge learns from pairs which answer people would rather have.

A sequence of the plan is a pair here, or three answers of which people wrote the best themselves.  After training it
is measured on the pairs that were held out, where the data has some.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ...compiler.plan.model import RewardWork, Step
from ..errors import StageError
from ..parts.chat.rows import HELDOUT
from ..parts.chat.template import ChatTemplate
from ..parts.data.heldout import spread
from ..parts.data.vocabulary import Vocabulary
from ..parts.model import history
from ..parts.model.files import save
from ..parts.preferences.batches import NONE, Example
from ..parts.preferences.examples import examples
from ..parts.preferences.feed import PairFeed
from ..parts.reward.measured import measured
from ..parts.reward.model import GRADED, RewardModel
from ..parts.reward.ranking import Ranking, own
from .compared import Sets, context, folders, laid_on, leave, pairs
from .loop import Loop
from .merged_back import difference
from .room import Facts, Room

_MEASURED = 2048
"""Pairs that a judge is measured on, at most."""


def run(step: Step, inputs: Mapping[str, Path], room: Room) -> Facts:
    assert isinstance(step.work, RewardWork)
    template = ChatTemplate.of(step.work.template, Vocabulary.open(inputs["tokenizer"]), inputs["model"])
    graded = GRADED if step.work.grading is not None else ()
    sets = pairs(step, inputs, template, graded=graded, edits=True)
    _levelled(step, sets)
    work = laid_on(step.work, sets)
    model = RewardModel.begun(inputs["model"], bool(graded), work.rng)
    feed = PairFeed(work, sets, own)
    learned = difference(step, model, inputs)
    facts = Loop(step, work, model, feed, room, Ranking(work), difference=learned).run()
    facts["tokens"] = sum(facts["drawn"].values())
    save(model, room.folder)
    leave(template, work.template, inputs["model"], room.folder)
    history.hand_on(inputs["model"], room.folder, work.kind, work, facts)
    return facts | {"pairs": sum(map(len, sets.values()))} | _measured(step, inputs, template, model, sets)


def _measured(
    step: Step, inputs: Mapping[str, Path], template: ChatTemplate, model: RewardModel, sets: Sets
) -> Facts:
    """How the judge does on pairs that were held out; without any, on those that it learnt."""
    assert isinstance(step.work, RewardWork)
    held: list[Example] = []
    for folder in folders(inputs).values():
        if (folder / HELDOUT).is_file():
            held += examples(folder, template, context(step.work), part=HELDOUT, edits=True)
    name, asked = ("heldout", held) if held else ("learnt", [one for own in sets.values() for one in own])
    return {name: measured(model, [asked[place] for place in spread(len(asked), _MEASURED)])}


def _levelled(step: Step, sets: Sets) -> None:
    """A letter where a loss reads the level of a preference, and a pair has none or one too high."""
    work = step.work
    assert isinstance(work, RewardWork)
    if work.loss != "soft_label" and not work.margin:
        return
    most = len(work.levels)
    for name, found in sets.items():
        for example in found:
            if example.level == NONE or example.level >= most:
                level = "no level" if example.level == NONE else f"level {example.level}"
                why = "`margin`" if work.margin else "`soft_label`"
                raise StageError(
                    "RUN214",
                    "unknown-level",
                    f"{example.id} of `{name}` has {level}, where {why} of `{step.address}` reads 0 to {most - 1}",
                    notes=("0 is the least preference; `levels` has a number for each, the strongest first",),
                    help=("give every pair a `level`, or take `bradley_terry` without a margin",),
                    step=step.address,
                )
