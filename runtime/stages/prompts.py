"""`prompts`: questions, as texts that models are asked to go on with.

What else is known of one is its meta: `answer` is what a check compares with, which skills bring along.  Of files the
field `prompt` is read, or the whole of a plain text.  Stages that let a model answer read them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from fractions import Fraction
from itertools import islice
from pathlib import Path

from ...compiler.plan.model import Builtin, Files, Instructions, PromptsWork, Step, Synthetic
from ..errors import StageError
from ..parts.data.reader import Bad, Record
from ..parts.data.records import meta_json
from ..parts.data.skills import instructions, prompts
from ..parts.data.synthetic import synthetic
from ..parts.data.tables import records
from .corpus import sound_records, unless_stopped
from .outside import unlike
from .room import Facts, Room

PROMPTS = "prompts.parquet"
_SOME = 1000  # where the spec does not say how many
_SHORT = (4, 16)  # tokens of a stand-in: it leaves room for an answer


def run(step: Step, inputs: Mapping[str, Path], room: Room) -> Facts:
    work = step.work
    assert isinstance(work, PromptsWork)
    found = (record for record in _found(step, work, room) if record.text.strip())
    count, total = 0, hashlib.sha256()
    with records(room.folder / PROMPTS) as write:
        for record in unless_stopped(islice(found, work.examples), step.address, room):
            meta = meta_json(record.meta)
            write(record.id, record.text, meta)
            total.update(f"{record.id}\0{len(record.text)}\0{record.text}\0{meta}".encode())
            count += 1
    if not count:
        headline, help = f"`{step.address}` holds no prompt", ("look at the files of its source",)
        raise StageError("RUN145", "nothing-to-learn", headline, help=help, step=step.address)
    return {"prompts": count, "sha256": total.hexdigest()}


def _found(step: Step, work: PromptsWork, room: Room) -> Iterator[Record]:
    match work.source:
        case Files() as source:
            moved = unlike(step, room.root)
            if moved:
                raise StageError(*moved.headed, notes=moved.notes, help=moved.help, step=step.address)
            bad: list[Bad] = []
            yield from sound_records(step, source, room, bad)
        case Builtin(rng=rng):
            for number, asked in enumerate(prompts(rng, work.examples or _SOME)):
                meta = {"answer": asked.answer}
                yield Record(f"skills/prompts/{number:05}", asked.prompt, meta, "skills", number + 1)
        case Instructions(rng=rng):
            for number, asked in enumerate(instructions(Fraction(0), rng, work.examples or _SOME)):
                meta = {"answer": asked.answer}
                yield Record(
                    f"instructions/prompts/{number:05}", asked.prompt, meta, "instructions", number + 1
                )
        case Synthetic(seed=seed):
            for number, one in enumerate(synthetic(seed, None, work.examples or _SOME, _SHORT)):
                yield Record(one.id, one.text.strip(), {}, one.id, number + 1)
        case None:
            raise TypeError("prompts without a source are refused before a run")
