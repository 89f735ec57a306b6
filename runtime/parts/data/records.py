"""Records as they come, written as a corpus: split into train and held out, and never in memory whole."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from .reader import Record
from .split import Candidates, held_out
from .tables import read_records, records


def write_split(folder: Path, found: Iterable[Record]) -> dict[str, Any]:
    """Write `train.parquet` and `heldout.parquet`; returns how much there is in each.

    Texts of nothing but blanks are counted and left out.  All others are written once
    as they come, and again when it is known which of them are held out.
    """
    whole = folder / "all.parquet"
    candidates, count, empty = Candidates(), 0, 0
    total = hashlib.sha256()
    with records(whole) as write:
        for record in found:
            if not record.text.strip():
                empty += 1
                continue
            candidates.offer(count, record.text)
            write(record.id, record.text, meta_json(record.meta))
            _add(total, record)
            count += 1

    def numbered() -> Iterator[tuple[int, str]]:
        return ((number, text) for number, (_, text, _) in enumerate(read_records(whole)))

    held = held_out(candidates.numbers(), numbered, count)
    facts = _divided(folder, whole, held)
    whole.unlink()
    return {**facts, "empty": empty, "sha256": total.hexdigest()}


def _divided(folder: Path, whole: Path, held: set[int]) -> dict[str, dict[str, int]]:
    counts = {part: {"documents": 0, "bytes": 0} for part in ("train", "heldout")}
    with records(folder / "train.parquet") as learnt, records(folder / "heldout.parquet") as examined:
        for number, (identity, text, meta) in enumerate(read_records(whole)):
            part, write = ("heldout", examined) if number in held else ("train", learnt)
            write(identity, text, meta)
            counts[part]["documents"] += 1
            counts[part]["bytes"] += len(text.encode())
    return counts


def meta_json(meta: dict[str, Any]) -> str:
    return json.dumps(meta, sort_keys=True, ensure_ascii=True) if meta else ""


def _add(total: Any, record: Record) -> None:
    text = record.text.encode()
    total.update(f"{record.id}\0{len(text)}\0".encode("utf-8", "surrogateescape"))
    total.update(text)
