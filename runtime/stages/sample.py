"""`sample`: models answer prompts, a judge says how well, and some of the answers stay.

Prompts go in batches, and each batch is kept when it is done: a run that is killed asks only what was not answered, and
comes to the same files.  The draws of an answer depend on the seed, the prompt's place, who answers and the answer's
number.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import fmean

from ...compiler.plan.model import SampleWork, Step
from ..errors import Interrupted, StageError
from ..parts.chat.rows import (
    ANSWERS,
    PAIRS,
    Conversation,
    Pair,
    Prompt,
    Turn,
    read_prompts,
    write_conversations,
    write_pairs,
)
from ..parts.chat.template import ChatTemplate
from ..parts.data.vocabulary import Vocabulary
from ..parts.judging.asked import Asked, Judge
from ..parts.judging.checkers import bare
from ..parts.judging.door import judge_of
from ..parts.model.files import load
from ..parts.sampling.answers import Here, Member, Settings, There
from ..parts.sampling.choosing import Answer, best, extremes, top
from ..parts.sampling.endpoint import Client, Unanswered
from ..parts.seeds import seed
from ..store.faults import fault_point
from .pick import context, picked
from .room import Facts, Room

_ANSWERS, _SERVED = 256, 16
"""Of a batch, about: where a model of the run answers, and where an endpoint does."""
_NO_LIMIT = 1 << 40


def run(step: Step, inputs: Mapping[str, Path], room: Room) -> Facts:
    work = step.work
    assert isinstance(work, SampleWork)
    sampling = Sampling(step, work, inputs, room)
    answered = sampling.answered()
    kept = _keep(work, sampling.prompts, answered, room.folder)
    if not kept:
        raise _nothing(step.address, work)
    facts = told(work, sampling.prompts, answered, kept)
    if sampling.left_out:
        facts["left_out"] = sampling.left_out
    return facts


class Sampling:
    """A stage's prompts, those who answer and the judge."""

    def __init__(self, step: Step, work: SampleWork, inputs: Mapping[str, Path], room: Room) -> None:
        self.step, self.work, self.room = step, work, room
        self.members = list(members(step, work, inputs, room))
        self.judge: Judge | None = None
        if work.judge:
            reader = "tokenizer" if "tokenizer" in inputs else "tokenizer:judge"
            self.judge = judge_of(step, work.judge, inputs, room, reader)
        found = list(read_prompts(inputs["prompts"]))
        self.prompts = _fitting(step, work, found, self.members)
        self.left_out = len(found) - len(self.prompts)

    def answered(self) -> list[Answer]:
        """Every answer, in the order of the prompts."""
        found, done = list[Answer](), 0
        for number, _, meta in self.room.checkpoints.every():
            if meta["first"] != done:
                break
            found += [Answer(**one) for one in meta["answers"]]
            done = number
        if done:
            self.room.say("resumed", step=done)
        each = _SERVED if self.work.endpoints else _ANSWERS
        at_once = max(1, each // (self.work.per_prompt[1] * len(self.members)))
        while done < len(self.prompts):
            last = min(done + at_once, len(self.prompts))
            batch = self._batch(range(done, last))
            self.room.checkpoints.save(last, {}, {"first": done, "answers": [asdict(one) for one in batch]})
            found, done = found + batch, last
            fault_point("answers")
            self.room.say("progress", step=done, of=len(self.prompts))
        self.room.checkpoints.kept(wait=True)
        return found

    def _batch(self, places: Sequence[int]) -> list[Answer]:
        """The fewest answers to each; prompts whose answers are all as good are answered on, up to the most."""
        least, most = self.work.per_prompt
        found = self._drawn(places, range(least))
        if most > least:
            scores = {place: {one.score for one in found if one.place == place} for place in places}
            found += self._drawn([place for place in places if len(scores[place]) == 1], range(least, most))
        return sorted(found, key=lambda one: (one.place, one.member, one.number))

    def _drawn(self, places: Sequence[int], numbers: range) -> list[Answer]:
        found = list[Answer]()
        for index, member in enumerate(self.members):
            drawn = [(place, number) for place in places for number in numbers]
            asks = [
                (self.prompts[place], seed(self.work.rng, "sample", place, index, number))
                for place, number in drawn
            ]
            said = answers(self.step, member, asks, self.room) if asks else []
            scores = self.judge(said) if self.judge and said else [None] * len(said)
            found += [
                Answer(place, index, number, one.answer, one.ended, len(one.ids), score)
                for (place, number), one, score in zip(drawn, said, scores, strict=True)
            ]
        return found


def members(step: Step, work: SampleWork, inputs: Mapping[str, Path], room: Room) -> Iterator[Member]:
    """Those who answer, in the order of the spec; a choice of several models stands for all of them."""
    settings = Settings(work.max_new, work.temperature, work.top_p, work.stop)
    roles = [role for role in (*inputs, *work.endpoints) if role.startswith("model:")]
    for role in sorted(roles, key=lambda role: int(role.removeprefix("model:"))):
        if role in work.endpoints:
            reads = inputs.get("tokenizer:judge")
            template = (
                ChatTemplate.of(work.template, Vocabulary.open(reads), inputs["judge"]) if reads else None
            )
            yield There(Client(work.endpoints[role]), settings, template)
            continue
        words = Vocabulary.open(inputs.get(role.replace("model", "tokenizer"), inputs["tokenizer"]))
        for folder in picked(inputs[role]):
            template = ChatTemplate.of(work.template, words, folder)
            yield Here(load(folder).to(room.means.device).eval(), template, settings, context(folder))


def answers(step: Step, member: Member, asks: Sequence[tuple[Prompt, int]], room: Room) -> list[Asked]:
    """What a member says; a letter where an endpoint does not."""

    def between() -> None:
        if room.stopping:
            kept = room.checkpoints.kept(wait=True)
            raise Interrupted(f"`{step.address}` stopped; what {kept} prompts got is kept", step=step.address)

    between()
    try:
        return member.answer(asks, between)
    except Unanswered as error:
        assert isinstance(member, There)
        raise StageError(
            "RUN223",
            "endpoint-failed",
            f"the endpoint {member.client.endpoint.url} {error}",
            notes=(f"{room.checkpoints.kept(wait=True)} prompts are answered and kept",),
            help=("see to it that it serves the model, then `lehr resume`",),
            step=step.address,
        ) from None


def _fitting(step: Step, work: SampleWork, prompts: list[Prompt], members: Sequence[Member]) -> list[Prompt]:
    """Those behind which there is room for an answer in the context of everyone who answers."""
    limits = [(one, _context(one)) for one in members]
    sizes = [max((one.size(prompt) + work.max_new - limit for one, limit in limits)) for prompt in prompts]
    found = [prompt for prompt, size in zip(prompts, sizes, strict=True) if size <= 0]
    if not found:
        headline = f"no prompt of `{step.address}` leaves room for an answer of {work.max_new} tokens"
        notes = (f"the shortest lacks {min(sizes)} tokens",) if sizes else ()
        help = ("lower `max_new`, or sample from a model of a longer context",)
        raise StageError("RUN172", "prompts-too-long", headline, notes=notes, help=help, step=step.address)
    return found


def _context(member: Member) -> int:
    return member.context if isinstance(member, Here) else _NO_LIMIT


# ---- what stays -------------------------------------------------------------------------


def _keep(
    work: SampleWork, prompts: Sequence[Prompt], answered: Sequence[Answer], folder: Path
) -> list[Answer]:
    """Write what stays; gives it, of a pair the chosen one."""
    of = by_prompt(answered)
    if work.keep == "extremes":
        pairs = [pair for one in of.values() if (pair := extremes(one, work.rng))]
        write_pairs(folder / PAIRS, (_pair(prompts, *pair) for pair in pairs))
        return [chosen for chosen, _ in pairs]
    match work.keep:
        case "best":
            kept = [one for some in of.values() for one in best(some, work.count or 1, work.rng)]
        case "top":
            kept = top(answered, float(work.share or 1), work.rng)
        case _:
            kept = list(answered)
    write_conversations(folder / ANSWERS, (_conversation(prompts, one) for one in kept))
    return kept


def by_prompt(answered: Iterable[Answer]) -> dict[int, list[Answer]]:
    found: dict[int, list[Answer]] = {}
    for one in answered:
        found.setdefault(one.place, []).append(one)
    return found


def _conversation(prompts: Sequence[Prompt], one: Answer) -> Conversation:
    prompt = prompts[one.place]
    meta = {**prompt.meta, "prompt": prompt.id, "member": one.member, "ended": one.ended}
    meta |= {} if one.score is None else {"score": one.score}
    name = f"{prompt.id}/{one.place}/{one.member}/{one.number}"
    return Conversation(name, (*prompt.messages, Turn("assistant", one.text)), meta)


def _pair(prompts: Sequence[Prompt], chosen: Answer, rejected: Answer) -> Pair:
    prompt = prompts[chosen.place]
    meta = {
        **prompt.meta,
        "scores": [chosen.score, rejected.score],
        "members": [chosen.member, rejected.member],
    }
    return Pair(f"{prompt.id}/{chosen.place}", prompt.messages, chosen.text, rejected.text, meta=meta)


# ---- what is told -----------------------------------------------------------------------


def told(
    work: SampleWork, prompts: Sequence[Prompt], answered: Sequence[Answer], kept: Sequence[Answer]
) -> Facts:
    """Counts, and whether the judge beat a coin: the same number of answers, drawn blindly from the same prompts."""
    of = by_prompt(answered)
    facts: Facts = {
        "prompts": len(prompts),
        "answers": len(answered),
        "drawn": sum(one.tokens for one in answered),
        "ended": fmean(one.ended for one in answered),
        "examples": len(kept),
        "tokens": sum(one.tokens for one in kept),
        "members": [
            sum(one.member == index for one in kept) for index in range(1 + max(a.member for a in answered))
        ],
    }
    if work.keep in ("best", "extremes"):
        facts["without"] = len(of) - len({one.place for one in kept})
    if any(one.score is not None for one in answered):
        facts["score"] = _against(
            [one.score or 0.0 for one in kept],
            [fmean(other.score or 0.0 for other in _pool(work, of, answered, one)) for one in kept],
        )
    checked = [one for one in kept if "answer" in prompts[one.place].meta]
    if checked:
        facts["right"] = _against(
            [float(_right(prompts, one)) for one in checked],
            [fmean(_right(prompts, other) for other in _pool(work, of, answered, one)) for one in checked],
        )
    return facts


def _pool(
    work: SampleWork, of: Mapping[int, list[Answer]], answered: Sequence[Answer], one: Answer
) -> Sequence[Answer]:
    """Out of which a coin would have taken this one; where the judge never takes what was cut off, nor does it."""
    pool = of[one.place] if work.keep != "top" else _every(answered)
    return pool if work.keep == "all" else [other for other in pool if other.ended] or pool


def _every(answered: Sequence[Answer]) -> Sequence[Answer]:
    return answered[:: max(1, len(answered) // 512)]


def _against(kept: list[float], blind: list[float]) -> dict[str, float]:
    return {"kept": fmean(kept), "random": fmean(blind)}


def _right(prompts: Sequence[Prompt], one: Answer) -> bool:
    wanted = bare(str(prompts[one.place].meta["answer"]))
    return one.ended and bare(one.text) == wanted


def _nothing(address: str, work: SampleWork) -> StageError:
    why = (
        "all answers to a prompt are as good, or none ended" if work.keep == "extremes" else "no answer ended"
    )
    return StageError(
        "RUN224",
        "nothing-kept",
        f"`{address}` keeps no answer: {why}",
        help=("draw more answers, raise `max_new`, or take a judge that tells them apart",),
        step=address,
    )
