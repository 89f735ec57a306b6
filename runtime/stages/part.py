"""`part`: part of some data: batches of it, one of so many parts, or the rows of a tag.

Parts and batches are stretches of the rows as they lie: of n rows the i-th of k ends before row ⌊i n / k⌋.  A
row's tag is its field `tag`, or one of its list `tags`; `upsampled` reads rows of a tag twice.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ...compiler.plan.model import PartWork, Step
from ..errors import StageError
from ..parts.chat.rows import ANSWERS, HELDOUT, PAIRS, PROMPTS, TRAIN
from ..parts.data.tables import read_records, records
from .room import Facts, Room

_TABLES = (TRAIN, PROMPTS, ANSWERS, PAIRS)
_WHOLE = (HELDOUT, "questions.parquet")
"""What an examination reads is not divided: whoever learns of a part is asked the same."""
Row = tuple[str, str, str]


def run(step: Step, inputs: Mapping[str, Path], room: Room) -> Facts:
    work, folder = step.work, inputs["data"]
    assert isinstance(work, PartWork)
    counts: dict[str, list[int]] = {}
    for name in _TABLES:
        if (folder / name).is_file():
            counts[name] = _divide(work, folder / name, room.folder / name)
            if not counts[name][0]:
                raise _nothing(step, work, counts[name][1])
    for name in _WHOLE:
        if (folder / name).is_file():
            shutil.copyfile(folder / name, room.folder / name)
    return {"rows": {name.removesuffix(".parquet"): {"kept": a, "of": b} for name, (a, b) in counts.items()}}


def _divide(work: PartWork, source: Path, to: Path) -> list[int]:
    """Write the rows of the part; gives how many these are, and of how many."""
    total = sum(1 for _ in read_records(source))
    kept = 0
    with records(to) as write:
        for row in _kept(work, read_records(source), total):
            write(*row)
            kept += 1
    return [kept, total]


def _kept(work: PartWork, rows: Iterator[Row], total: int) -> Iterator[Row]:
    if work.how in ("filtered", "upsampled"):
        for row in rows:
            tagged = _is_tagged(row[2], str(work.argument))
            if tagged or work.how == "upsampled":
                yield row
            if tagged and work.how == "upsampled":
                yield (f"{row[0]}#2", *row[1:])
        return
    last = int(work.argument)
    first = 0 if work.how == "until" else last - 1
    start, end = (total * place // max(1, work.whole) for place in (first, last))
    yield from (row for at, row in enumerate(rows) if start <= at < end)


def _is_tagged(meta: str, tag: str) -> bool:
    found: dict[str, Any] = json.loads(meta) if meta else {}
    tags = found.get("tags")
    return found.get("tag") == tag or (isinstance(tags, list) and tag in tags)


def _nothing(step: Step, work: PartWork, total: int) -> StageError:
    headline = f"`{step.address}` is empty: none of {total} rows is in it"
    by_tag = work.how in ("filtered", "upsampled")
    help = "a row's tag is its field `tag`, or one of its list `tags`" if by_tag else "ask for fewer parts"
    return StageError("RUN145", "nothing-to-learn", headline, help=(help,), step=step.address)
