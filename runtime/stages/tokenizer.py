"""`tokenizer`: learn a vocabulary from the training parts of corpora.

After `corpus`, before `tokenize`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ...compiler.plan.model import Step, TokenizerWork
from ..parts.data.tables import read_documents
from ..parts.data.vocabulary import Vocabulary, sample, train
from .room import Facts, Room


def run(step: Step, inputs: Mapping[str, Path], room: Room) -> Facts:
    work = step.work
    assert isinstance(work, TokenizerWork)
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


def _bytes_per_token(learnt: Vocabulary, texts: list[str]) -> float:
    tokens = sum(len(ids) for ids in learnt.encode(texts))
    return round(sum(len(text.encode()) for text in texts) / max(1, tokens), 3)
