"""`tokenizer`: learn a vocabulary from the training parts of corpora.

After `corpus`, before `tokenize`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ...compiler.plan.model import Step, TokenizerWork
from ..errors import StageError
from ..parts.data.tables import read_documents
from ..parts.data.vocabulary import BEGIN, END, SMALLEST, Vocabulary, sample, train
from .room import Facts, Room


def run(step: Step, inputs: Mapping[str, Path], room: Room) -> Facts:
    work = step.work
    assert isinstance(work, TokenizerWork)
    _can_be_learnt(step.address, work)
    texts = {
        role.removeprefix("corpus:"): list(
            sample(read_documents(inputs[role] / "train.parquet"), work.sample)
        )
        for role in sorted(inputs)
    }
    tokenizer = train(
        (text for some in texts.values() for text in some),
        vocab=work.vocab,
        specials=work.specials,
        split_digits=work.split_digits,
    )
    tokenizer.save(str(room.folder / "tokenizer.json"))
    learnt = Vocabulary.open(room.folder)
    return {
        "vocab": learnt.size,
        "bytes_per_token": {name: _bytes_per_token(learnt, some) for name, some in texts.items()},
    }


def _can_be_learnt(address: str, work: TokenizerWork) -> None:
    missing = [special for special in (BEGIN, END) if special not in work.specials]
    if missing:
        raise StageError(
            "RUN107",
            "specials-missing",
            f"The specials of `{address}` lack {' and '.join(missing)}.",
            notes=(
                "Every document is written between the two, so that a model sees where it begins and ends.",
            ),
            help=(f"Add {' and '.join(missing)} to `specials`.",),
            step=address,
        )
    least = SMALLEST + len(work.specials)
    if work.vocab < least:
        raise StageError(
            "RUN108",
            "vocabulary-too-small",
            f"`{address}` has room for {work.vocab} entries, but needs {least}.",
            notes=(
                f"There are {SMALLEST} bytes and {len(work.specials)} specials before anything is learnt.",
            ),
            help=("Ask for a larger `vocab`: 1024 is small, 32 000 usual.",),
            step=address,
        )


def _bytes_per_token(learnt: Vocabulary, texts: list[str]) -> float:
    tokens = sum(len(ids) for ids in learnt.encode(texts))
    return round(sum(len(text.encode()) for text in texts) / max(1, tokens), 3)
