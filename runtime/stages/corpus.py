"""`corpus`: write a corpus's documents, split into train and held out.

The first stage of a journey through the data; `tokenizer` and `tokenize` read
what it wrote.  Built-in corpora are small and made at once; files of one's own and
stand-ins are written as they are read, and never in memory whole.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path

from ...compiler.plan.library import digest
from ...compiler.plan.model import Builtin, CorpusWork, Files, Instructions, Step, Synthetic
from ..errors import Interrupted, StageError
from ..parts.chat.rows import Conversation, Turn, contents, write_conversations
from ..parts.data.builtin import builtin
from ..parts.data.documents import Document
from ..parts.data.reader import Bad, Record, Unreadable, read
from ..parts.data.records import write_split
from ..parts.data.skills import instructions
from ..parts.data.synthetic import synthetic
from ..parts.data.tables import write_documents, write_questions
from .outside import unlike
from .room import Facts, Room

_CHATS, _HELD_OUT = 4000, 600
"""Of `builtin("instructions")`: conversations where the spec does not say how many, and those held out."""
_LISTED = 5
"""Bad records that the ledger keeps; `bad.jsonl` of the artifact has them all."""


def run(step: Step, inputs: Mapping[str, Path], room: Room) -> Facts:
    work = step.work
    assert isinstance(work, CorpusWork)
    match work.source:
        case Builtin() as source:
            return _builtin(step.address, source, room)
        case Instructions() as source:
            return _instructions(source, room.folder)
        case Files() as source:
            return _files(step, source, room)
        case Synthetic() as source:
            return write_split(room.folder, unless_stopped(stand_ins(source), step.address, room))
        case None:
            raise TypeError("a corpus without a source is refused before a run")


# ---- what comes with Python --------------------------------------------------------


def _builtin(address: str, source: Builtin, room: Room) -> Facts:
    _same_library(address, source)
    split = builtin(source.name, wrong=source.wrong, rng=source.rng)
    write_documents(room.folder / "train.parquet", split.train)
    write_documents(room.folder / "heldout.parquet", split.heldout)
    facts: Facts = {
        "train": _counts(split.train),
        "heldout": _counts(split.heldout),
        "library": source.library,
        "sha256": _content(*split.train, *split.heldout),
    }
    if split.questions:
        write_questions(room.folder / "questions.parquet", split.questions)
        facts["questions"] = len(split.questions)
    return facts


def _instructions(source: Instructions, folder: Path) -> Facts:
    """Conversations of one question and one answer; those held out are right, and are its questions as well."""
    none = Fraction(0)
    learnt = instructions(source.wrong, source.rng, source.examples or _CHATS)
    held = list(dict.fromkeys(instructions(none, source.rng, _HELD_OUT, held=True)))
    facts: Facts = {}
    for part, asked in (("train", learnt), ("heldout", held)):
        found = [
            Conversation(
                f"instructions/{part}/{at:06}", (Turn("user", one.prompt), Turn("assistant", one.answer))
            )
            for at, one in enumerate(asked)
        ]
        write_conversations(folder / f"{part}.parquet", found)
        sizes = sum(len(contents(one.messages).encode()) for one in found)
        facts[part] = {"documents": len(found), "bytes": sizes}
    write_questions(folder / "questions.parquet", held)
    said = [Document(one.prompt, one.answer) for one in (*learnt, *held)]
    return {**facts, "sha256": _content(*said), "questions": len(held)}


def _same_library(address: str, source: Builtin) -> None:
    """Another Python has another library, and so another corpus than the one that was planned."""
    if source.name == "skills" or source.library == digest():
        return
    raise StageError(
        "RUN106",
        "other-library",
        f"This Python does not hold the library that `{address}` was planned with.",
        notes=(
            f"planned: {source.library}",
            f"here:    {digest()}",
            f"The corpus `{source.name}` is read from the Python library, so its text would be another.",
        ),
        help=("Run the plan with the Python that it was made with, or make the plan again with this one.",),
        step=address,
    )


def _counts(documents: Sequence[Document]) -> dict[str, int]:
    return {"documents": len(documents), "bytes": sum(len(document.text.encode()) for document in documents)}


def _content(*documents: Document) -> str:
    total = hashlib.sha256()
    for document in documents:
        text = document.text.encode()
        total.update(f"{document.id}\0{len(text)}\0".encode())
        total.update(text)
    return total.hexdigest()


# ---- files of one's own, and stand-ins ---------------------------------------------------


def _files(step: Step, source: Files, room: Room) -> Facts:
    found = unlike(step, room.root)
    if found:
        raise StageError(*found.headed, notes=found.notes, help=found.help, step=step.address)
    bad: list[Bad] = []
    facts = write_split(
        room.folder, unless_stopped(sound_records(step, source, room, bad), step.address, room)
    )
    if bad:
        facts["bad"] = {
            "records": len(bad),
            "first": [f"{one.file}:{one.line} {one.why}" for one in bad[:_LISTED]],
        }
        lines = (json.dumps({"file": one.file, "line": one.line, "why": one.why}) + "\n" for one in bad)
        (room.folder / "bad.jsonl").write_text("".join(lines), encoding="utf-8")
    return facts


def sound_records(step: Step, source: Files, room: Room, bad: list[Bad]) -> Iterator[Record]:
    """The records that can be learnt from; bad ones are put aside, up to as many as the spec allows."""
    for file in source.files:
        try:
            for found in read(file, source.text, room.root):
                if isinstance(found, Record):
                    yield found
                    continue
                _put_aside(found, bad, room)
                if len(bad) > source.max_bad:
                    raise _corrupt(step.address, source, found)
        except Unreadable as error:
            lost = Bad(error.file, error.after + 1, f"{error.why}; what follows is lost")
            _put_aside(lost, bad, room)
            if len(bad) > source.max_bad:
                raise StageError("RUN143", "file-refused", str(error), step=step.address) from error


def _put_aside(found: Bad, bad: list[Bad], room: Room) -> None:
    bad.append(found)
    room.say("left_out", file=found.file, line=found.line, why=found.why)


def _corrupt(address: str, source: Files, found: Bad) -> StageError:
    return StageError(
        "RUN142",
        "corrupt-record",
        f"{found.file}:{found.line} {found.why}",
        notes=(f"`max_bad` of `{address}` is {source.max_bad}",),
        help=("mend it, or let the corpus leave some out with `max_bad`",),
        step=address,
    )


def stand_ins(source: Synthetic) -> Iterator[Record]:
    for number, document in enumerate(
        synthetic(source.seed, source.tokens, source.examples, source.lengths), 1
    ):
        yield Record(document.id, document.text, {}, document.id, number)


def unless_stopped(found: Iterator[Record], address: str, room: Room) -> Iterator[Record]:
    for record in found:
        if room.stopping:
            raise Interrupted(f"`{address}` was stopped; it starts anew next time", step=address)
        yield record
