"""`tokenize`: turn a corpus's documents into token ids, each between begin and end.

After `corpus` and `tokenizer`; training and examinations read what it wrote.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path

from ...compiler.plan.model import Step
from ..errors import Interrupted
from ..parts.data.tables import read_documents
from ..parts.data.tokens import write_shards
from ..parts.data.vocabulary import Vocabulary
from .room import Facts, Room

_AT_ONCE = 512  # documents: enough for the encoder, few enough to stop soon


def run(step: Step, inputs: Mapping[str, Path], room: Room) -> Facts:
    vocabulary = Vocabulary.open(inputs["tokenizer"])
    facts: Facts = {}
    for part in ("train", "heldout"):
        encoded = _encoded(inputs["corpus"] / f"{part}.parquet", vocabulary, step.address, room)
        facts[part] = write_shards(room.folder, part, encoded, vocabulary.size)
    return facts


def _encoded(path: Path, vocabulary: Vocabulary, address: str, room: Room) -> Iterator[list[int]]:
    texts = (document.text for document in read_documents(path))
    while some := list(islice(texts, _AT_ONCE)):
        if room.stopping:
            raise Interrupted(f"`{address}` was stopped; it starts anew next time.", step=address)
        for ids in vocabulary.encode(some):
            yield [vocabulary.begin, *ids, vocabulary.end]
