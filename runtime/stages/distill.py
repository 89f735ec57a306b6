"""`distill`: a student learns what a teacher predicts, by the one training loop.

The teacher runs beside the student, or a `targets` step wrote before what it says; what is read is a mix,
or the student's own answers to prompts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from ...compiler.plan.model import DistillWork, OnPolicy, Step
from ..errors import StageError
from ..parts.data.feed import Feed
from ..parts.data.tables import read_documents
from ..parts.data.tokens import TokenSet
from ..parts.data.vocabulary import Vocabulary
from ..parts.distill.answers import Answers
from ..parts.distill.cache import Cache, Carried
from ..parts.distill.imitation import Imitation
from ..parts.distill.teacher import Source, Teacher
from ..parts.model import history
from ..parts.model.decoder import Decoder
from ..parts.model.files import load, save
from .alike import same_tokenizer, same_vocabulary
from .loop import Batches, Loop
from .merged_back import difference
from .prompts import PROMPTS
from .room import Facts, Room


def run(step: Step, inputs: Mapping[str, Path], room: Room) -> Facts:
    work, student = step.work, load(inputs["model"])
    assert isinstance(work, DistillWork)
    source = _source(step, inputs, student, room)
    others = source.bytes if isinstance(source, Teacher) else 0
    loss = Imitation(work.target, source, work.on_policy)
    with _read(step, inputs, student, source, room) as batches:
        learned = difference(step, student, inputs)
        loop = Loop(step, work, student, batches, room, loss, others, difference=learned)
        facts = loop.run()
    save(loop.model, room.folder)
    history.hand_on(inputs["model"], room.folder, work.kind, work, facts)
    return facts


def _source(step: Step, inputs: Mapping[str, Path], student: Decoder, room: Room) -> Teacher | Cache:
    """The teacher, or what it said: of the ids that the student has."""
    work = step.work
    assert isinstance(work, DistillWork)
    if "targets" in inputs:
        source = Cache(inputs["targets"], work.target)
    else:
        same_tokenizer(step, inputs)
        source = Teacher(load(inputs["teacher"]).to(room.means.device), work.target)
    same_vocabulary(step, student.arch.vocab, source.vocab)
    return source


@contextmanager
def _read(
    step: Step, inputs: Mapping[str, Path], student: Decoder, source: Source, room: Room
) -> Iterator[Batches]:
    work = step.work
    assert isinstance(work, DistillWork)
    if work.on_policy:
        yield _answers(step, work.on_policy, inputs, student, room)
        return
    with Feed(work, TokenSet.of(inputs), room.workers, room.say) as feed:
        yield Carried(feed, source) if isinstance(source, Cache) else feed


def _answers(
    step: Step, policy: OnPolicy, inputs: Mapping[str, Path], student: Decoder, room: Room
) -> Answers:
    """The prompts as the student reads them; what leaves no room for an answer is left out."""
    work = step.work
    assert isinstance(work, DistillWork)
    words = Vocabulary.open(inputs["tokenizer"])
    texts = [document.text for document in read_documents(inputs["prompts"] / PROMPTS)]
    prompts = [[words.begin, *ids] for ids in words.encode(texts)]
    most = min(phase.context for phase in work.phases) - policy.max_new
    fitting = [prompt for prompt in prompts if len(prompt) <= most]
    if not fitting:
        raise _too_long(step.address, min(map(len, prompts)), most, policy.max_new)
    if len(fitting) < len(prompts):
        room.say("left_out_prompts", count=len(prompts) - len(fitting), of=len(prompts), longest=most)
    return Answers(work, student, fitting, words.end)


def _too_long(address: str, shortest: int, most: int, answer: int) -> StageError:
    headline = f"no prompt of `{address}` leaves room for an answer"
    notes = (f"the shortest has {shortest} tokens, an answer up to {answer}, the context {most + answer}",)
    help = ("lengthen `context`, or lower `max_new`",)
    return StageError("RUN172", "prompts-too-long", headline, notes=notes, help=help, step=address)
