"""`tokenize`: turn a corpus's documents into token ids, each between begin and end.

After `corpus` and `tokenizer`; training and examinations read what it wrote.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path

from ...compiler.plan.model import Step, TokenizeWork
from ..errors import Interrupted, StageError
from ..parts.data.tables import read_documents
from ..parts.data.tokens import write_shards
from ..parts.data.vocabulary import Vocabulary
from .room import Facts, Room

_AT_ONCE = 512  # documents: enough for the encoder, few enough to stop soon


def run(step: Step, inputs: Mapping[str, Path], room: Room) -> Facts:
    work, vocabulary = step.work, Vocabulary.open(inputs["tokenizer"])
    assert isinstance(work, TokenizeWork)
    facts: Facts = {}
    for part in ("train", "heldout"):
        encoded = _encoded(inputs["corpus"] / f"{part}.parquet", vocabulary, step.address, room)
        long = _Long(encoded, work.shortest)
        facts[part] = write_shards(room.folder, part, long, vocabulary.size)
        facts[part]["bytes"] = long.bytes
        if work.shortest:
            facts[part]["short"] = long.short
    if not facts["train"]["documents"]:
        raise _nothing(step.address, work.shortest)
    return {**facts, "bytes_per_token": _compression(facts["train"])}


def _compression(part: Mapping[str, int]) -> float:
    """Bytes of text for each of its tokens; begin and end of a document stand for no text."""
    return round(part["bytes"] / max(1, part["tokens"] - 2 * part["documents"]), 3)


def _nothing(address: str, shortest: int) -> StageError:
    why = f" of at least {shortest} tokens" if shortest else ""
    help = (
        ("lower the corpus's `lengths`, or look at its files",)
        if shortest
        else ("look at the corpus's files",)
    )
    headline = f"there is no text{why} for `{address}`"
    return StageError("RUN145", "nothing-to-learn", headline, help=help, step=address)


class _Long:
    """Documents that are long enough, and how much text they are; the others are counted."""

    def __init__(self, documents: Iterator[tuple[list[int], int]], shortest: int) -> None:
        self._documents, self._shortest, self.short, self.bytes = documents, shortest, 0, 0

    def __iter__(self) -> Iterator[list[int]]:
        for ids, size in self._documents:
            if len(ids) >= self._shortest:
                self.bytes += size
                yield ids
            else:
                self.short += 1


def _encoded(path: Path, vocabulary: Vocabulary, address: str, room: Room) -> Iterator[tuple[list[int], int]]:
    """Each document's ids, and its size in bytes."""
    texts = (document.text for document in read_documents(path))
    while some := list(islice(texts, _AT_ONCE)):
        if room.stopping:
            raise Interrupted(f"`{address}` was stopped; it starts anew next time.", step=address)
        for text, ids in zip(some, vocabulary.encode(some), strict=True):
            yield [vocabulary.begin, *ids, vocabulary.end], len(text.encode())
