"""`tokenizer`: learn a vocabulary from the training parts of corpora, or take a ready one.

After `corpus`, before `tokenize`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ...compiler.plan.model import File, Step, TokenizerWork
from ..errors import StageError
from ..parts import door
from ..parts.data.tables import read_documents
from ..parts.data.vocabulary import Vocabulary, ready, sample, train
from .outside import unlike
from .room import Facts, Room


def run(step: Step, inputs: Mapping[str, Path], room: Room) -> Facts:
    work = step.work
    assert isinstance(work, TokenizerWork)
    if work.file:
        return _ready(step, work, work.file, room)
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
    learnt = Vocabulary.of(tokenizer, work.begin, work.end)
    learnt.save(room.folder)
    return {
        "vocab": learnt.size,
        "bytes_per_token": {name: _bytes_per_token(learnt, some) for name, some in texts.items()},
    }


def _bytes_per_token(learnt: Vocabulary, texts: list[str]) -> float:
    tokens = sum(len(ids) for ids in learnt.encode(texts))
    return round(sum(len(text.encode()) for text in texts) / max(1, tokens), 3)


def _ready(step: Step, work: TokenizerWork, file: File, room: Room) -> Facts:
    """A file that others made, if it is what the spec says."""
    moved = unlike(step, room.root)
    if moved:
        raise StageError(*moved.headed, notes=moved.notes, help=moved.help, step=step.address)
    try:
        with (room.root / file.path).open("rb") as stream:
            found = ready(stream.read(door.MOST_BYTES + 1))
        words = Vocabulary.of(found, work.begin, work.end)
        for name in work.specials:
            if found.token_to_id(name) is None:
                raise ValueError(f"has no entry `{name}`")
        if words.size != work.vocab:
            raise ValueError(f"has {words.size} entries, and the spec says {work.vocab}")
    except ValueError as error:
        raise _unfit(step.address, file.path, str(error)) from error
    words.save(room.folder)
    return {"vocab": words.size, "bytes_per_token": {}}


def _unfit(address: str, path: str, why: str) -> StageError:
    help = "name its own tokens with `begin` and `end`, and count its entries with `vocab`"
    if not path.endswith(".json"):
        help = "read it once with Hugging Face's `AutoTokenizer`, and save it as a `tokenizer.json`"
    return StageError("RUN144", "tokenizer-unfit", f"{path} {why}", help=(help,), step=address)
