"""`corpus`: write a built-in corpus's documents, split into train and held out.

The first stage of a journey through the data; `tokenizer` and `tokenize` read
what it wrote.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from ...compiler.plan.library import digest
from ...compiler.plan.model import Builtin, CorpusWork, Step
from ..errors import StageError
from ..parts.data.builtin import builtin
from ..parts.data.documents import Document
from ..parts.data.tables import write_documents, write_questions
from .room import Facts, Room


def run(step: Step, inputs: Mapping[str, Path], room: Room) -> Facts:
    work = step.work
    assert isinstance(work, CorpusWork)
    source = work.source
    assert isinstance(source, Builtin)
    _same_library(step.address, source)
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
