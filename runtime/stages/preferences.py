"""`preferences`: pairs of answers with the one that people chose, and some of them held out.

Of files each record has `prompt`, `chosen` and `rejected`, and perhaps `edited`, `level` and `grades`.  One prompt in
sixteen is held out with all its pairs, so that what learns of the others is measured on questions it has not seen.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from ...compiler.plan.model import Builtin, Files, PreferencesWork, Step, Synthetic
from ..errors import Interrupted, StageError
from ..parts.chat.rows import HELDOUT, PAIRS, Pair, Turn, answer, asked, contents, write_pairs
from ..parts.data.preferences import preferences
from ..parts.data.reader import Bad, Record
from ..parts.data.synthetic import synthetic
from .corpus import sound_records
from .outside import unlike
from .room import Facts, Room

_ONE_IN = 16
_SOME = 1000  # where the spec does not say how many
_LENGTHS = (4, 16)  # tokens of a stand-in
_GRADES = (0, 1, 2)
_ROW = '{"prompt": "2 + 2 =", "chosen": "4", "rejected": "5"}'
_HELP = (f"a row looks like this: {_ROW}",)


def run(step: Step, inputs: Mapping[str, Path], room: Room) -> Facts:
    work = step.work
    assert isinstance(work, PreferencesWork)
    learnt, held = Counted(), Counted()
    found = _unless_stopped(_found(step, work, room), step, room)
    aside: list[Pair] = []
    write_pairs(room.folder / PAIRS, learnt.each(_learnt(found, aside)))
    write_pairs(room.folder / HELDOUT, held.each(iter(aside)))
    if not learnt.count:
        headline, help = f"`{step.address}` holds no pair", _HELP
        raise StageError("RUN145", "nothing-to-learn", headline, help=help, step=step.address)
    if learnt.count < work.batches:
        headline = f"`{step.address}` has {work.batches} batches, and {learnt.count} pairs to lay into them"
        raise StageError("RUN210", "fewer-pairs-than-batches", headline, step=step.address)
    return {"pairs": learnt.count, "heldout": held.count, "levels": learnt.levels, "sha256": learnt.digest}


class Counted:
    """Pairs on their way into a file."""

    def __init__(self) -> None:
        self.count, self._levels, self._total = 0, Counter[str](), hashlib.sha256()

    def each(self, pairs: Iterator[Pair]) -> Iterator[Pair]:
        for pair in pairs:
            self.count += 1
            self._levels["none" if pair.level is None else str(pair.level)] += 1
            told = [pair.id, contents(pair.prompt), pair.chosen, pair.rejected, pair.edited, pair.level]
            self._total.update(json.dumps(told).encode() + b"\0")
            yield pair

    @property
    def levels(self) -> dict[str, int]:
        return dict(sorted(self._levels.items()))

    @property
    def digest(self) -> str:
        return self._total.hexdigest()


def _learnt(found: Iterator[tuple[Pair, bool]], aside: list[Pair]) -> Iterator[Pair]:
    """The pairs to learn from; those that are held out are put aside."""
    for pair, is_held in found:
        if is_held:
            aside.append(pair)
        else:
            yield pair


def _unless_stopped(
    found: Iterator[tuple[Pair, bool]], step: Step, room: Room
) -> Iterator[tuple[Pair, bool]]:
    for one in found:
        if room.stopping:
            raise Interrupted(f"`{step.address}` was stopped; it starts anew next time", step=step.address)
        yield one


def _found(step: Step, work: PreferencesWork, room: Room) -> Iterator[tuple[Pair, bool]]:
    """Every pair, and whether it is held out."""
    count = work.examples or _SOME
    match work.source:
        case Files() as source:
            for pair in islice(_of_files(step, source, room), work.examples):
                yield pair, _is_held_out(pair)
        case Builtin(rng=rng):
            yield from ((pair, False) for pair in preferences(rng, count, held=False))
            yield from ((pair, True) for pair in preferences(rng, -(-count // _ONE_IN), held=True))
        case Synthetic(seed=seed):
            for number, (asks, one, other) in enumerate(_stand_ins(seed, count)):
                yield Pair(f"synthetic/{number:08}", (Turn("user", asks),), one, other), False
        case None:
            raise TypeError("preferences without a source are refused before a run")


def _is_held_out(pair: Pair) -> bool:
    """By its prompt, so that all of a prompt's pairs are on one side, on every machine."""
    return hashlib.sha256(contents(pair.prompt).encode()).digest()[0] % _ONE_IN == 0


def _stand_ins(seed: int, count: int) -> Iterator[tuple[str, str, str]]:
    """A prompt and two answers, three texts at a time."""
    texts = (one.text.strip() for one in synthetic(seed, None, 3 * count, _LENGTHS))
    return zip(texts, texts, texts, strict=True)


# ---- files of one's own ------------------------------------------------------------------


def _of_files(step: Step, source: Files, room: Room) -> Iterator[Pair]:
    moved = unlike(step, room.root)
    if moved:
        raise StageError(*moved.headed, notes=moved.notes, help=moved.help, step=step.address)
    bad: list[Bad] = []
    for record in sound_records(step, source, room, bad):
        try:
            yield pair_of(record)
        except Equal as error:
            raise StageError(
                "RUN211", "equal-answers", _said(record, error), help=_HELP, step=step.address
            ) from None
        except ValueError as error:
            raise StageError(
                "RUN142", "corrupt-record", _said(record, error), help=_HELP, step=step.address
            ) from None


def _said(record: Record, error: ValueError) -> str:
    return f"{record.file}:{record.line} {error}"


class Equal(ValueError):
    """Two answers of a pair that are one."""


def pair_of(record: Record) -> Pair:
    """The pair in a record; raises ValueError with what is wrong with it."""
    told: dict[str, Any] = dict(record.meta)
    missing = [name for name in ("prompt", "chosen", "rejected") if told.get(name) is None]
    if missing:
        raise ValueError(f"has no field `{missing[0]}`")
    prompt = asked(told.pop("prompt"))
    texts = {
        name: answer(told.pop(name), name)
        for name in ("edited", "chosen", "rejected")
        if told.get(name) is not None
    }
    for name, text in texts.items():
        if not text.strip():
            raise ValueError(f"has an empty answer in `{name}`")
    if len(set(texts.values())) < len(texts):
        same = next(name for name, text in texts.items() if list(texts.values()).count(text) > 1)
        raise Equal(f"has the same answer in `{same}` as in another field")
    return Pair(
        id=record.id,
        prompt=prompt,
        chosen=texts["chosen"],
        rejected=texts["rejected"],
        edited=texts.get("edited"),
        level=_level(told.pop("level", None)),
        grades=_graded(told.pop("grades", None)),
        meta={name: value for name, value in told.items() if value is not None},
    )


def _level(found: Any) -> int | None:
    if found is not None and (type(found) is not int or found < 0):
        raise ValueError("has a `level` that is no whole number from 0, the least, upwards")
    return found


def _graded(found: Any) -> dict[str, tuple[int, int]]:
    """By what is graded, that of the chosen answer and that of the rejected one."""
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise ValueError("has `grades` that are no object")
    grades: dict[str, tuple[int, int]] = {}
    for name, both in found.items():  # pyright: ignore[reportUnknownVariableType]
        if both is None:
            continue
        if not isinstance(both, list) or len(both) != 2 or any(one not in _GRADES for one in both):  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
            raise ValueError(f"has grades in `{name}` that are not two numbers of 0, 1 and 2")
        grades[str(name)] = (int(both[0]), int(both[1]))  # pyright: ignore[reportUnknownArgumentType]
    return grades
