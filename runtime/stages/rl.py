"""`rl`: a policy learns from a judge's opinion of its own answers, by the one training loop."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path

from ...compiler.plan.model import RlWork, Step
from ..errors import StageError
from ..parts.chat.rows import read_prompts
from ..parts.chat.template import ChatTemplate
from ..parts.data.vocabulary import Vocabulary
from ..parts.judging.door import judge_of
from ..parts.model import history
from ..parts.model.decoder import Decoder
from ..parts.model.files import load, save
from ..parts.preferences.policy import same_vocabulary
from ..parts.rl.learning import Learning
from ..parts.rl.rollouts import Question, Rollouts, fitting
from .alike import same_tokenizer
from .loop import Loop
from .merged_back import difference
from .opened import laid_out
from .room import Facts, Room


def run(step: Step, inputs: Mapping[str, Path], room: Room) -> Facts:
    work = step.work
    assert isinstance(work, RlWork)
    words = Vocabulary.open(inputs["tokenizer"])
    template = ChatTemplate.of(work.template, words, inputs["model"])
    questions = [Question(one, template.prompt(one.messages)) for one in read_prompts(inputs["prompts"])]
    work = laid_out(work, len(questions))
    policy = load(inputs["model"])
    reference = _reference(step, work, policy, inputs).to(room.means.device)
    judge = judge_of(step, work.judge, inputs, room)
    asked = _fitting(step, work, questions, room)
    rollouts = Rollouts(work, policy, reference, judge, asked, words, template.stops)
    others = sum(one.nbytes for one in reference.parameters())
    learned = difference(step, policy, inputs)
    loop = Loop(step, work, policy, rollouts, room, Learning(work), others, difference=learned)
    facts = loop.run() | {"reward_first": rollouts.first, "tokens": rollouts.tokens}
    save(loop.model, room.folder)
    history.hand_on(inputs["model"], room.folder, work.kind, work, facts)
    return facts


def _reference(step: Step, work: RlWork, policy: Decoder, inputs: Mapping[str, Path]) -> Decoder:
    """The frozen model that the policy is held to, or what will follow the policy: it begins as it."""
    if work.ema is not None:
        return deepcopy(policy)
    same_tokenizer(step, inputs, "reference")
    reference = load(inputs["reference"])
    same_vocabulary(policy, reference, step.address)
    return reference


def _fitting(step: Step, work: RlWork, questions: list[Question], room: Room) -> list[Question]:
    """Those that leave room for an answer; the others are counted."""
    context = min(phase.context for phase in work.phases)
    most = context - work.max_new
    fit, long = fitting(questions, most)
    if not fit:
        raise StageError(
            "RUN241",
            "no-room-to-answer",
            f"no prompt of `{step.address}` leaves room for an answer",
            notes=(
                f"the shortest has {min(long)} tokens, an answer up to {work.max_new}, the context {context}",
            ),
            help=("lengthen `context`, or lower `max_new`",),
            step=step.address,
        )
    if long:
        room.say("left_out_prompts", count=len(long), of=len(questions), longest=most)
    return fit
