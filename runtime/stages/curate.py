"""`curate`: documents through filters in the order written; what was dropped is kept to be looked at.

After `corpus`; whatever reads a corpus reads what it writes.  Filters that look at one
document after the other go through a shard together; one that must see everything first
counts in every shard.  Each shard's result is a folder of its own that is there whole or
not at all, so a run that was killed goes on with the shards that are missing.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ...compiler.plan.model import CurateWork, Filter, Step
from ..errors import StageError
from ..parts.curate.filter import Given, rounds_of
from ..parts.curate.shards import (
    DROPPED,
    KEPT,
    TOLD,
    Slice,
    Steps,
    join_dropped,
    joined,
    sift,
    slices,
)
from ..parts.data.tables import read_records, records
from ..store.atomic import new_folder, sweep
from ..store.faults import fault_point
from .pool import Pool
from .room import Facts, Room

PARTS = ("train", "heldout")


def run(step: Step, inputs: Mapping[str, Path], room: Room) -> Facts:
    work = step.work
    assert isinstance(work, CurateWork)
    source = slices(inputs["corpus"])
    filters = _named(work, inputs, room.root, len(source))
    with Pool(min(_workers(room), len(source)), step.address, room) as pool:
        curation = _Curation(source, room, pool)
        for place, stretch in enumerate(_stretches(filters)):
            curation.through(place, stretch)
    return _written(step, inputs, curation, room.folder)


def _workers(room: Room) -> int:
    return room.workers or len(os.sched_getaffinity(0))


# ---- what each filter is given ------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Named:
    name: str
    kind: str
    given: Given


def _named(work: CurateWork, inputs: Mapping[str, Path], root: Path, of: int) -> list[_Named]:
    """The filters under names of their own: the second `dedup` is `dedup#2`."""
    found = list[_Named]()
    for one in work.filters:
        number = 1 + sum(other.kind == one.kind for other in found)
        name = one.kind if number == 1 else f"{one.kind}#{number}"
        found.append(_Named(name, one.kind, _given(one, work, inputs, root, of)))
    return found


def _given(one: Filter, work: CurateWork, inputs: Mapping[str, Path], root: Path, of: int) -> Given:
    roles = {role.partition(":") for role in inputs if role.startswith(f"{one.kind}:")}
    return Given(
        settings=one.settings,
        shard=0,
        of=of,
        inputs={address: inputs[f"{kind}:{address}"] for kind, _, address in sorted(roles)},
        files={address: root / file.path for address, file in work.benches.items()},
        root=root,
        rng=work.rng,
    )


def _stretches(filters: Sequence[_Named]) -> Iterator[list[_Named]]:
    """Filters that go through a shard together; each that must see everything begins a new one."""
    stretch: list[_Named] = []
    for one in filters:
        if stretch and rounds_of(one.kind, one.given):
            yield stretch
            stretch = []
        stretch.append(one)
    yield stretch


# ---- shard by shard -----------------------------------------------------------------------------


class _Curation:
    """Where the documents stand: in the corpus, then in the shards of each stretch."""

    def __init__(self, source: Sequence[Slice], room: Room, pool: Pool) -> None:
        self.at, self._room, self._pool = list(source), room, pool
        self.done: list[list[Path]] = []
        """Each stretch's folders, in the order of the shards."""

    def through(self, place: int, stretch: Sequence[_Named]) -> None:
        folder = self._room.scratch / f"{place:02}"
        first, *others = stretch
        answers = self._rounds(folder, first)
        steps = [replace(first, given=replace(first.given, answers=answers)), *others]
        kept = folder / "kept"
        jobs = [
            Sifting(
                _shard(kept, number),
                source,
                tuple((one.name, one.kind, _at(one.given, number, source)) for one in steps),
            )
            for number, source in enumerate(self.at)
        ]
        self._all(kept, jobs, ", ".join(one.name for one in stretch))
        if self.done:
            for path in self.done[
                -1
            ]:  # what this stretch has read is needed no more, but for what it dropped
                (path / KEPT).unlink(missing_ok=True)
        for path in folder.glob("count-*"):
            shutil.rmtree(path, ignore_errors=True)
        self.done.append([job.out for job in jobs])
        self.at = [Slice(job.out / KEPT, source.part) for job, source in zip(jobs, self.at, strict=True)]

    def _rounds(self, folder: Path, one: _Named) -> tuple[Path, ...]:
        """What a filter must know of all shards before it can decide."""
        given = one.given
        for number, round_ in enumerate(rounds_of(one.kind, given)):
            answer = folder / f"answer-{number}"
            if not answer.is_dir():
                counts = folder / f"count-{number}"
                jobs = [
                    Counting(_shard(counts, shard), source, one.kind, _at(given, shard, source), number)
                    for shard, source in enumerate(self.at)
                ]
                self._all(counts, jobs, f"{one.name}: counting")
                with new_folder(answer) as out:
                    round_.merge([job.out for job in jobs], given, out)
                fault_point("merged")
            given = replace(given, answers=(*given.answers, answer))
        return given.answers

    def _all(self, folder: Path, jobs: Sequence[Job], what: str) -> None:
        if folder.is_dir():
            sweep(folder)
        missing = [job for job in jobs if not job.out.is_dir()]
        done = len(jobs) - len(missing)
        for _ in self._pool.each(missing):
            done += 1
            self._room.say("progress", step=done, of=len(jobs), what=what)
            fault_point("shard")


def _shard(folder: Path, number: int) -> Path:
    return folder / f"{number:06}"


def _at(given: Given, shard: int, source: Slice) -> Given:
    return replace(given, shard=shard, part=source.part)


@dataclass(frozen=True)
class Sifting:
    out: Path
    source: Slice
    steps: Steps

    def __call__(self) -> None:
        with new_folder(self.out) as out:
            sift(self.source, self.steps, out)
            fault_point("sifted")


@dataclass(frozen=True)
class Counting:
    out: Path
    source: Slice
    kind: str
    given: Given
    number: int

    def __call__(self) -> None:
        with new_folder(self.out) as out:
            rounds_of(self.kind, self.given)[self.number].count(self.source.pages(), self.given, out)
            fault_point("counted")


Job = Sifting | Counting


# ---- the artifact -------------------------------------------------------------------------------


def _written(step: Step, inputs: Mapping[str, Path], curation: _Curation, folder: Path) -> Facts:
    """Shard after shard as a corpus, which is the same however they were cut."""
    facts: Facts = {}
    total = hashlib.sha256()
    for part in PARTS:
        sizes = {"documents": 0, "bytes": 0}
        with records(folder / f"{part}.parquet") as write:
            for source in curation.at:
                for name, text, meta in _rows(source) if source.part == part else ():
                    write(name, text, meta)
                    raw = text.encode()
                    total.update(f"{name}\0{len(raw)}\0".encode("utf-8", "surrogateescape"))
                    total.update(raw)
                    sizes["documents"] += 1
                    sizes["bytes"] += len(raw)
        facts[part] = sizes
    join_dropped((path / DROPPED for shards in curation.done for path in shards), folder / DROPPED)
    questions = inputs["corpus"] / "questions.parquet"
    if questions.is_file():
        shutil.copyfile(questions, folder / questions.name)
    funnel = [row for shards in curation.done for row in joined(map(_told, shards))]
    if not facts["train"]["documents"]:
        raise nothing_left(step.address, funnel)
    return {**facts, "funnel": funnel, "sha256": total.hexdigest()}


def _rows(source: Slice) -> Iterator[tuple[str, str, str]]:
    return read_records(source.path)


def _told(folder: Path) -> list[dict[str, Any]]:
    return json.loads((folder / TOLD).read_bytes())


def nothing_left(address: str, funnel: Iterable[Mapping[str, Any]]) -> StageError:
    notes = [f"{one['step']}: {one['documents']:,} in, {one['kept']:,} kept" for one in funnel]
    return StageError(
        "RUN250",
        "nothing-left",
        f"nothing is left of the text that `{address}` read",
        notes=tuple(notes),
        help=("loosen the step that dropped the most",),
        step=address,
    )
