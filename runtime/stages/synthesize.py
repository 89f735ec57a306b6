"""`synthesize`: a model writes documents from a template and seed texts; those that a judge lets pass stay.

What is written is a corpus: `train.parquet`, a part of it held out, and on every row where it came from.  A row is a
conversation too: what was asked, and what was written.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ...compiler.plan.model import Checker, Step, SynthesizeWork
from ..errors import StageError
from ..parts.chat.rows import Prompt, Turn, told
from ..parts.chat.template import ChatTemplate
from ..parts.data.reader import Record
from ..parts.data.records import write_split
from ..parts.data.tables import read_records
from ..parts.data.vocabulary import Vocabulary
from ..parts.judging.asked import Asked
from ..parts.judging.door import judge_of
from ..parts.model.files import load
from ..parts.sampling.answers import Here, Member, Settings, There
from ..parts.sampling.asking import Asking, Unasked
from ..parts.sampling.endpoint import Client
from ..parts.seeds import seed
from ..store.faults import fault_point
from .pick import context, picked
from .room import Facts, Room
from .sample import answers

_WRITTEN, _SERVED = 64, 8
_MOST = 4
"""Documents that are tried for each that is wanted."""
_PASS = {"exact_answer": 1.0, "contains": 1.0, "well_formed": 1.0, "unit_tests": 1.0}
"""What a check says of what passes; of others, more than 0."""


def run(step: Step, inputs: Mapping[str, Path], room: Room) -> Facts:
    work = step.work
    assert isinstance(work, SynthesizeWork)
    writing = _Writing(step, work, inputs, room)
    rows = writing.rows()
    kept = rows[: work.count]
    if not kept:
        headline = f"`{step.address}` keeps none of the {writing.tried} documents that were written"
        help = ("look at the template and at what it keeps",)
        raise StageError("RUN224", "nothing-kept", headline, help=help, step=step.address)
    records = (
        Record(row["id"], row["text"], row["meta"], row["id"], place) for place, row in enumerate(kept, 1)
    )
    facts = write_split(room.folder, records)
    tokens = sum(row["meta"]["tokens"] for row in kept)
    return {**facts, "examples": len(kept), "tokens": tokens, "tried": writing.tried, "wanted": work.count}


class _Writing:
    def __init__(self, step: Step, work: SynthesizeWork, inputs: Mapping[str, Path], room: Room) -> None:
        self.step, self.work, self.room = step, work, room
        self.member, self.name = _member(step, work, inputs, room)
        reader = "tokenizer" if "tokenizer" in inputs else "tokenizer:judge"
        self.judge = judge_of(step, work.judge, inputs, room, reader) if work.judge else None
        name = work.judge.name if isinstance(work.judge, Checker) else ""
        self.least = _PASS.get(name, 0.0)
        self.seeds = _seeds(inputs["seeds"])
        if not self.seeds:
            headline = f"`{step.address}` has no seed text"
            raise StageError("RUN145", "nothing-to-learn", headline, step=step.address)
        assert work.template.text is not None
        self.asking = Asking(work.template.text)
        self.tried = 0

    def rows(self) -> list[dict[str, Any]]:
        """What passed, in the order in which it was written, until there is enough of it or too much was tried."""
        found = list[dict[str, Any]]()
        for number, _, meta in self.room.checkpoints.every():
            if meta["first"] != self.tried:
                break
            found += meta["rows"]
            self.tried = number
        if self.tried:
            self.room.say("resumed", step=self.tried)
        at_once = _SERVED if self.work.endpoint else _WRITTEN
        while len(found) < self.work.count and self.tried < _MOST * self.work.count:
            first = self.tried
            batch = self._batch(range(first, first + at_once))
            self.tried += at_once
            self.room.checkpoints.save(self.tried, {}, {"first": first, "rows": batch})
            found += batch
            fault_point("written")
            self.room.say("progress", step=min(len(found), self.work.count), of=self.work.count)
        self.room.checkpoints.kept(wait=True)
        return found

    def _batch(self, places: Sequence[int]) -> list[dict[str, Any]]:
        prompts = [self._prompt(place) for place in places]
        asks = [
            (one, seed(self.work.rng, "synthesize", place))
            for one, place in zip(prompts, places, strict=True)
        ]
        said = answers(self.step, self.member, asks, self.room)
        scores = self.judge(said) if self.judge else [None] * len(said)
        return [
            self._row(place, one, score)
            for place, one, score in zip(places, said, scores, strict=True)
            if one.ended and one.answer.strip() and self._passes(score)
        ]

    def _passes(self, score: float | None) -> bool:
        return score is None or (score >= self.least if self.least else score > 0)

    def _prompt(self, place: int) -> Prompt:
        """The template filled with the next seed text; a second pass over them draws anew."""
        name, text, meta = self.seeds[place % len(self.seeds)]
        try:
            filled = self.asking.filled({"text": text, "id": name, "meta": meta, "number": place})
        except Unasked as error:
            raise StageError(
                "RUN228",
                "template-unfilled",
                f"{self.work.template.path} cannot be filled with `{name}`: {error}",
                help=("it may read `text`, `id`, `meta` and `number`, and write text",),
                step=self.step.address,
            ) from None
        return Prompt(name, (Turn("user", filled),), {**meta, "seed": name})

    def _row(self, place: int, one: Asked, score: float | None) -> dict[str, Any]:
        asked = told(one.prompt.messages)
        meta: dict[str, Any] = {
            "seed": one.prompt.id,
            "template": self.work.template.path,
            "by": self.name,
            "tokens": len(one.ids),
            "messages": [*asked, {"role": "assistant", "content": one.answer}],
        }
        meta |= {} if score is None else {"score": score}
        return {"id": f"{self.step.address}/{place:08}", "text": one.answer, "meta": meta}


def _member(step: Step, work: SynthesizeWork, inputs: Mapping[str, Path], room: Room) -> tuple[Member, str]:
    settings = Settings(work.max_new, work.temperature)
    if work.endpoint:
        reads = inputs.get("tokenizer:judge")
        template = ChatTemplate.of(None, Vocabulary.open(reads), inputs["judge"]) if reads else None
        return There(
            Client(work.endpoint), settings, template
        ), f"{work.endpoint.url} {work.endpoint.model}".strip()
    folder = picked(inputs["model"])[0]
    template = ChatTemplate.of(None, Vocabulary.open(inputs["tokenizer"]), folder)
    here = Here(load(folder).to(room.means.device).eval(), template, settings, context(folder))
    return _Bounded(here), step.inputs["model"]


class _Bounded:
    """A model whose prompts may be too long: those are cut to what leaves room for a document."""

    def __init__(self, here: Here) -> None:
        self.here = here

    def size(self, prompt: Prompt) -> int:
        return self.here.size(prompt)

    def answer(self, asks: Any, between: Any) -> list[Asked]:
        most = self.here.context - self.here.settings.max_new
        return self.here.answer([(self._cut(prompt, most), drawn) for prompt, drawn in asks], between)

    def _cut(self, prompt: Prompt, most: int) -> Prompt:
        while self.here.size(prompt) > most and len(prompt.messages[0].content) > 1:
            text = prompt.messages[0].content
            prompt = replace(prompt, messages=(Turn("user", text[: len(text) * 3 // 4]),))
        return prompt


def _seeds(folder: Path) -> list[tuple[str, str, dict[str, Any]]]:
    import json

    def rows() -> Iterator[tuple[str, str, dict[str, Any]]]:
        for name, text, meta in read_records(folder / "train.parquet"):
            yield name, text, json.loads(meta) if meta else {}

    return list(rows())
