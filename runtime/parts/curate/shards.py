"""Pages of a shard out of a corpus's files, and what was made of them into files again.

A corpus is cut between its groups of rows, so that a shard is read without reading
what stands before it; where it is cut depends on the files alone.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ..data.records import meta_json
from ..data.tables import records
from .filter import Dropped, Given, Page, filter_of

SHARD = 16 << 20
"""Bytes of text after which the next shard begins."""
KEPT, DROPPED, TOLD = "kept.parquet", "dropped.parquet", "told.json"
_AT_ONCE = 64
_ROWS, _BYTES = 4096, 8 << 20
_STRINGS = "step", "reason", "id", "value", "sample"
_DROPPED = pa.schema([*((name, pa.string()) for name in _STRINGS), ("part", pa.bool_())])


@dataclass(frozen=True, slots=True)
class Slice:
    """Some groups of rows of a file; none are named where it is all of them."""

    path: Path
    part: str
    """`train` or `heldout`: a document stays on the side on which it came."""
    groups: tuple[int, ...] | None = None

    def pages(self) -> Iterator[Page]:
        with pq.ParquetFile(self.path) as file:
            has_meta = "meta" in file.schema_arrow.names
            columns = ["id", "text", "meta"] if has_meta else ["id", "text"]
            groups = list(range(file.metadata.num_row_groups) if self.groups is None else self.groups)
            for batch in file.iter_batches(batch_size=_AT_ONCE, columns=columns, row_groups=groups):
                for row in batch.to_pylist():
                    yield Page(row["id"], row["text"], json.loads(row.get("meta") or "{}"))


def slices(corpus: Path) -> list[Slice]:
    """The shards of a corpus, those to learn from first."""
    return [one for part in ("train", "heldout") for one in _slices(corpus / f"{part}.parquet", part)]


def _slices(path: Path, part: str) -> Iterator[Slice]:
    told = pq.read_metadata(path)
    groups, size = list[int](), 0
    for number in range(told.num_row_groups):
        groups.append(number)
        size += told.row_group(number).total_byte_size
        if size >= SHARD:
            yield Slice(path, part, tuple(groups))
            groups, size = [], 0
    if groups:
        yield Slice(path, part, tuple(groups))


# ---- through the filters ------------------------------------------------------------------


@dataclass
class Funnel:
    """What one step of the curation did in a shard."""

    step: str
    documents: int = 0
    bytes: int = 0
    kept: int = 0
    kept_bytes: int = 0
    dropped: Counter[str] | None = None
    parts: Counter[str] | None = None

    def told(self) -> dict[str, Any]:
        return {
            "step": self.step,
            "documents": self.documents,
            "bytes": self.bytes,
            "kept": self.kept,
            "kept_bytes": self.kept_bytes,
            "dropped": dict(sorted((self.dropped or {}).items())),
            "parts": dict(sorted((self.parts or {}).items())),
        }


Steps = tuple[tuple[str, str, Given], ...]
"""Name, kind and what is given, of the filters that one pass goes through."""


def sift(source: Slice, steps: Steps, out: Path) -> None:
    """One shard through some filters: what stays, what was dropped, and how much of each."""
    funnels: list[Funnel] = []
    with records(out / KEPT) as write, _drops(out / DROPPED) as drop:
        pages = source.pages()
        for name, kind, given in steps:
            funnels.append(funnel := Funnel(name, dropped=Counter(), parts=Counter()))
            pages = _through(pages, kind, given, funnel, drop)
        for page in pages:
            write(page.id, page.text, meta_json(page.meta))
    (out / TOLD).write_text(json.dumps([funnel.told() for funnel in funnels]))


def _through(
    pages: Iterator[Page], kind: str, given: Given, funnel: Funnel, drop: Callable[[str, Dropped], None]
) -> Iterator[Page]:
    def counted() -> Iterator[Page]:
        for page in pages:
            funnel.documents += 1
            funnel.bytes += len(page.text.encode())
            yield page

    assert funnel.dropped is not None
    assert funnel.parts is not None
    for found in filter_of(kind).keep(counted(), given):
        if isinstance(found, Dropped):
            (funnel.parts if found.part else funnel.dropped)[found.reason] += 1
            drop(funnel.step, found)
        else:
            funnel.kept += 1
            funnel.kept_bytes += len(found.text.encode())
            yield found


@contextmanager
def _drops(path: Path) -> Iterator[Callable[[str, Dropped], None]]:
    rows, size = list[dict[str, Any]](), 0
    with pq.ParquetWriter(path, _DROPPED, compression="zstd") as writer:

        def flush() -> None:
            nonlocal rows, size
            writer.write_table(pa.Table.from_pylist(rows, schema=_DROPPED))
            rows, size = [], 0

        def write(step: str, one: Dropped) -> None:
            nonlocal size
            value = one.value if isinstance(one.value, str) else f"{one.value:.6g}"
            found = {"step": step, "reason": one.reason, "id": one.id, "value": value}
            rows.append({**found, "part": one.part, "sample": one.sample})
            size += len(one.sample) + len(one.id)
            if len(rows) == _ROWS or size > _BYTES:
                flush()

        yield write
        if rows:
            flush()


# ---- together again -----------------------------------------------------------------------


def joined(told: Iterable[Iterable[dict[str, Any]]]) -> list[dict[str, Any]]:
    """The funnels of all shards as one: each step's counts added up."""
    whole: dict[str, dict[str, Any]] = {}
    for shard in told:
        for one in shard:
            sums = whole.setdefault(
                one["step"], {"step": one["step"], "dropped": Counter(), "parts": Counter()}
            )
            for name in ("documents", "bytes", "kept", "kept_bytes"):
                sums[name] = sums.get(name, 0) + one[name]
            for name in ("dropped", "parts"):
                sums[name].update(one[name])
    for sums in whole.values():
        for name in ("dropped", "parts"):
            sums[name] = dict(sorted(sums[name].items(), key=lambda one: (-one[1], one[0])))
    return list(whole.values())


def join_dropped(paths: Iterable[Path], out: Path) -> None:
    with pq.ParquetWriter(out, _DROPPED, compression="zstd") as writer:
        for path in paths:
            with pq.ParquetFile(path) as file:
                for batch in file.iter_batches(batch_size=_ROWS):
                    writer.write_batch(batch)
