"""`sft`: learn to answer, by the one training loop: the loss is on what the assistant says, and on its end.

Conversations are laid whole into rows, and none sees another; one that does not fit is left out and counted.
The template that taught stays with the model.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor

from ...compiler.plan.model import Phase, SftWork, Step
from ..errors import StageError
from ..parts.chat import carried
from ..parts.chat.feed import Conversations, Rows
from ..parts.chat.learnt import Learnt, learnt
from ..parts.chat.rows import read_conversations
from ..parts.chat.template import ChatTemplate
from ..parts.data.feed import Batch, Feed
from ..parts.data.tokens import TokenSet
from ..parts.data.vocabulary import Vocabulary
from ..parts.distill.imitation import Imitation
from ..parts.distill.teacher import Teacher
from ..parts.loss.answers import answers
from ..parts.model import history, lora
from ..parts.model.decoder import Decoder
from ..parts.model.dropout import dropping, sow
from ..parts.model.files import load, save
from .alike import same_tokenizer, same_vocabulary
from .loop import Batches, Loop
from .merged_back import difference
from .opened import laid_out
from .passes import Loss
from .room import Facts, Room


def run(step: Step, inputs: Mapping[str, Path], room: Room) -> Facts:
    work = step.work
    assert isinstance(work, SftWork)
    words = Vocabulary.open(inputs["tokenizer"])
    template = ChatTemplate.of(work.template, words, inputs["model"]).teaches()
    sets = _read(step, work, inputs, template, room)
    if work.open:
        found = sets[work.open.of]
        work = laid_out(work, found.tokens if work.open.counts == "tokens" else found.conversations)
    model = load(inputs["model"])
    learned = difference(step, model, inputs)
    told = {"adapter": lora.adapt(model, work.lora, work.rng)} if work.lora else {}
    loss, others = _loss(step, work, inputs, model, room)
    with _batches(work, sets, room) as batches, _dropped(work, model, loss) as (taught, turn):
        loop = Loop(step, work, model, batches, room, taught, others, turn, learned)
        facts = loop.run()
    if work.lora:
        lora.write(loop.model, work.lora, room.folder)
        lora.merge(loop.model)
    save(loop.model, room.folder)
    carried.write(room.folder, template.text, template.stop)
    facts |= {**told, "tokens": sum(facts["drawn"].values()), "data": _counts(sets)}
    history.hand_on(inputs["model"], room.folder, work.kind, work, facts)
    return facts


def _counts(sets: Mapping[str, Learnt]) -> dict[str, dict[str, int]]:
    names = ("conversations", "tokens", "answers", "long")
    return {source: {name: getattr(one, name) for name in names} for source, one in sets.items()}


# ---- what is read --------------------------------------------------------------------


def _read(
    step: Step, work: SftWork, inputs: Mapping[str, Path], template: ChatTemplate, room: Room
) -> dict[str, Learnt]:
    """The conversations of each source, by its name: those that fit the shortest context of the stage."""
    context = work.open.context if work.open else min(phase.context for phase in work.phases)
    sets: dict[str, Learnt] = {}
    for role, folder in inputs.items():
        if role.startswith("data:"):
            name = role.removeprefix("data:")
            sets[name] = found = learnt(read_conversations(folder), template, context + 1)
            if not found.answers:
                raise _nothing(step.address, name, found, context)
            if found.long:
                room.say("left_out_rows", data=name, count=found.long, longest=context)
    return sets


@contextmanager
def _batches(work: SftWork, sets: Mapping[str, Learnt], room: Room) -> Iterator[Batches]:
    documents = {name: one.documents for name, one in sets.items()}
    if work.by == "examples":
        yield Conversations(work, documents)
        return
    read = {name: TokenSet(one, one) for name, one in documents.items()}
    with Feed(work, read, room.workers, room.say) as feed:
        yield Rows(feed)


def _nothing(address: str, name: str, found: Learnt, context: int) -> StageError:
    if not found.long:
        headline = f"`{name}` holds no conversation for `{address}`"
        return StageError(
            "RUN145", "nothing-to-learn", headline, help=("look at what made it",), step=address
        )
    headline = f"no conversation of `{name}` fits into the {context} tokens of `{address}`"
    notes = (f"all {found.long} are longer; none is cut, for half an answer teaches to stop there",)
    help = ("lengthen `context`",)
    return StageError("RUN208", "answers-too-long", headline, notes=notes, help=help, step=address)


# ---- what is learnt of it ---------------------------------------------------------------


def _loss(
    step: Step, work: SftWork, inputs: Mapping[str, Path], model: Decoder, room: Room
) -> tuple[Loss, int]:
    """The loss, and the bytes of a teacher beside it."""
    if work.target is None or "teacher" not in inputs:
        return answers, 0
    same_tokenizer(step, inputs)
    teacher = Teacher(load(inputs["teacher"]).to(room.means.device), work.target)
    same_vocabulary(step, model.arch.vocab, teacher.vocab)
    return Imitation(work.target, teacher), teacher.bytes


@dataclass
class _Dropped:
    """A loss under dropout: what falls is decided anew for every micro-batch of every step."""

    loss: Loss
    rng: int
    done: int = field(default=0)

    def turn(self, done: int) -> None:
        self.done = done

    def __call__(self, model: Decoder, batch: Batch, phase: Phase) -> Tensor | tuple[Tensor, Any]:
        sow(self.rng, self.done, int(batch.documents_BT[0, 0]))
        return self.loss(model, batch, phase)


@contextmanager
def _dropped(
    work: SftWork, model: Decoder, loss: Loss
) -> Iterator[tuple[Loss, Callable[[int], None] | None]]:
    if not work.dropout:
        yield loss, None
        return
    end, found = dropping(model, work.dropout), _Dropped(loss, work.rng)
    try:
        yield found, found.turn
    finally:
        end()
