"""What a curation dropped, to be looked at: reason after reason, with a few of the documents."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

_AT_ONCE = 4096


@dataclass
class Reason:
    """Why a step dropped documents, or parts of them; `first` are rows of the file."""

    step: str
    reason: str
    part: bool
    count: int = 0
    first: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])


def reasons(path: Path, steps: Sequence[str], shown: int) -> list[Reason]:
    """In the order of the steps, the most frequent first; the file is read a batch at a time."""
    found: dict[tuple[str, str, bool], Reason] = {}
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(batch_size=_AT_ONCE):
            for row in batch.to_pylist():
                key = row["step"], row["reason"], row["part"]
                one = found.setdefault(key, Reason(*key))
                one.count += 1
                if len(one.first) < shown:
                    one.first.append(row)
    return sorted(found.values(), key=lambda one: (steps.index(one.step), -one.count, one.reason))
