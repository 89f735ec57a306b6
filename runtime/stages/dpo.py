"""`dpo`: a policy learns from pairs without a judge, held to a reference that stands still.

What the reference says of every pair is worked out once, before the first step, and kept with the stage's states; then
the reference leaves the memory.  A sequence of the plan is a pair here: a step reads both answers of so many.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from ...compiler.plan.model import DpoWork, Step
from ..errors import Interrupted
from ..parts.chat.template import ChatTemplate
from ..parts.data.vocabulary import Vocabulary
from ..parts.model import history
from ..parts.model.decoder import Decoder
from ..parts.model.files import load, save
from ..parts.preferences.batches import Example
from ..parts.preferences.feed import PairFeed
from ..parts.preferences.policy import HeldToReference, of_reference, same_vocabulary
from .alike import same_tokenizer
from .compared import Sets, laid_on, leave, pairs
from .loop import FEED, Loop
from .merged_back import difference
from .room import Facts, Room

_REFERENCE = "reference."
_AT_ONCE = 4096
"""Pairs between two states that keep what a reference has said."""


def run(step: Step, inputs: Mapping[str, Path], room: Room) -> Facts:
    assert isinstance(step.work, DpoWork)
    same_tokenizer(step, inputs, "reference")
    template = ChatTemplate.of(step.work.template, Vocabulary.open(inputs["tokenizer"]), inputs["model"])
    sets = pairs(step, inputs, template, mask=step.work.mask)
    work, model = laid_on(step.work, sets), load(inputs["model"])
    said = _references(step, work, model, inputs, sets, room)

    def own(places: Sequence[tuple[str, int]], found: Sequence[Example]) -> list[Tensor]:
        return [torch.stack([said[name][place] for name, place in places])]

    kept = {f"{_REFERENCE}{name}": tensor for name, tensor in said.items()}
    feed = PairFeed(work, sets, own, kept)
    learned = difference(step, model, inputs)
    facts = Loop(step, work, model, feed, room, HeldToReference(work), difference=learned).run()
    facts["tokens"] = sum(facts["drawn"].values())
    save(model, room.folder)
    leave(template, work.template, inputs["model"], room.folder)
    history.hand_on(inputs["model"], room.folder, work.kind, work, facts)
    return facts | {"pairs": sum(map(len, sets.values()))}


def _references(
    step: Step, work: DpoWork, model: Decoder, inputs: Mapping[str, Path], sets: Sets, room: Room
) -> dict[str, Tensor]:
    """What the reference says of both answers of every pair, by data set: what a state holds is not asked again."""
    found = room.checkpoints.latest()
    tensors = found[1] if found else {}
    start = f"{FEED}{_REFERENCE}"
    said = {name.removeprefix(start): one for name, one in tensors.items() if name.startswith(start)}
    if all(len(said.get(name, ())) == len(own) for name, own in sets.items()):
        return said
    reference = model
    if step.inputs["reference"] != step.inputs["model"]:
        reference = load(inputs["reference"])
        same_vocabulary(model, reference, step.address)
    reference.to(room.means.device)
    for name, own in sets.items():
        done = said.get(name, torch.zeros(0, 2))
        while len(done) < len(own):
            if room.stopping:
                headline = f"`{step.address}` stopped after {len(done)} pairs of its reference"
                raise Interrupted(headline, step=step.address)
            places = range(len(done), min(len(own), len(done) + _AT_ONCE))
            more = of_reference(reference, own, work.length, work.compute, places)
            said[name] = done = torch.cat((done, more))
            room.checkpoints.save(0, {f"{start}{one}": each for one, each in said.items()}, {})
            room.say("progress", step=len(done), of=len(own), reference=name)
    return said
