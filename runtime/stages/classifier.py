"""`classifier`: learn to tell good text from bad, and measure it on texts that it has not seen.

After the corpora of both classes; `curate` keeps what it likes.  Which texts are held out depends on the
texts alone, so that a copy never stands on both sides.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from hashlib import blake2b
from pathlib import Path

from ...compiler.plan.model import ClassifierWork, Step
from ..errors import Interrupted, StageError
from ..parts.curate.classify import fit, measures, scorer
from ..parts.data.tables import read_documents
from .room import Facts, Room

_BYTES = 32 << 20
"""Text of a class that is read, at most: its features are held in memory, some ten bytes for each of these."""
_DRAWS = 1 << 64
CLASSES = ("yes", "no")


def run(step: Step, inputs: Mapping[str, Path], room: Room) -> Facts:
    work = step.work
    assert isinstance(work, ClassifierWork)
    learnt, asked = list[tuple[str, bool]](), list[tuple[str, bool]]()
    facts: Facts = {}
    for name in CLASSES:
        found = _sample(inputs[name] / "train.parquet", work.rng)
        parts = {"train": learnt, "heldout": asked}
        counts = dict.fromkeys(parts, 0)
        for text in found:
            part = "heldout" if _draw(text, work.rng, b"holdout") < work.holdout * _DRAWS else "train"
            parts[part].append((text, name == "yes"))
            counts[part] += 1
        if not all(counts.values()):
            raise _too_little(step.address, name, counts)
        facts[name] = counts
        _unless_stopped(step, room)
    fit(
        *_columns(sorted(learnt, key=lambda row: _draw(row[0], work.rng, b"order"))),
        work.model,
        work.rng,
        room.folder,
    )
    _unless_stopped(step, room)
    score = scorer(room.folder)
    texts, yes = _columns(asked)
    return {**facts, **measures([score(text) for text in texts], yes)}


def _columns(rows: list[tuple[str, bool]]) -> tuple[list[str], list[bool]]:
    return [text for text, _ in rows], [yes for _, yes in rows]


def _sample(path: Path, rng: int) -> list[str]:
    """Documents from all over a corpus: those whose digests are smallest, as many as fit.

    Each text is read once to draw and once to keep it, so that memory holds no more than what is kept.
    """
    drawn = sorted((_draw(text, rng, b"sample"), len(text.encode())) for text in _texts(path))
    size, last = 0, -1
    for draw, length in drawn:
        size += length
        if size > _BYTES and last >= 0:
            break
        last = draw
    return [text for text in _texts(path) if _draw(text, rng, b"sample") <= last]


def _texts(path: Path) -> Iterator[str]:
    return (document.text for document in read_documents(path))


def _draw(text: str, rng: int, purpose: bytes) -> int:
    """A number of 64 bits that a text has for a purpose."""
    return int.from_bytes(
        blake2b(text.encode(), digest_size=8, key=b"%d" % rng, person=purpose).digest(), "big"
    )


def _unless_stopped(step: Step, room: Room) -> None:
    if room.stopping:
        raise Interrupted(f"`{step.address}` was stopped; it starts anew next time", step=step.address)


def _too_little(address: str, name: str, counts: Mapping[str, int]) -> StageError:
    return StageError(
        "RUN265",
        "class-too-small",
        f"`{address}` cannot be learnt and measured: too few texts of `{name}`",
        notes=(f"{counts['train']} to learn from, {counts['heldout']} held out",),
        help=("give it a larger corpus, or another `holdout`",),
        step=address,
    )
