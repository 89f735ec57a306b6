"""Which documents of all shards go, and why: what the merge of a round comes to.

A document is a number, its shard in the upper 32 bits and its place in the shard in the lower.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import pyarrow as pa

IDS, GONE = "ids.arrow", "gone.arrow"
_GONE = pa.schema([("document", pa.uint64()), ("value", pa.string())])
_AT_ONCE = 1 << 14


def write_ids(folder: Path, ids: Sequence[str]) -> None:
    """The names of a shard's documents, so that a verdict can name another shard's."""
    table = pa.table({"id": pa.array(ids, pa.string())})
    with pa.OSFile(str(folder / IDS), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)


class Ids:
    """The names of all documents, read where they lie."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = folders
        self._open: dict[int, pa.ChunkedArray] = {}

    def __getitem__(self, document: int) -> str:
        shard, place = document >> 32, document & 0xFFFFFFFF
        if shard not in self._open:
            self._open[shard] = _mapped(self._folders[shard] / IDS).column("id")
        return self._open[shard][place].as_py()


def write(out: Path, found: Iterable[tuple[int, str]]) -> None:
    """Keep verdicts, which come by rising number of the document."""
    rows: list[tuple[int, str]] = []
    with pa.OSFile(str(out / GONE), "wb") as sink, pa.ipc.new_file(sink, _GONE) as writer:

        def flush() -> None:
            documents, values = zip(*rows, strict=True)
            writer.write_batch(
                pa.record_batch([pa.array(documents, pa.uint64()), list(values)], schema=_GONE)
            )
            rows.clear()

        for one in found:
            rows.append(one)
            if len(rows) == _AT_ONCE:
                flush()
        if rows:
            flush()


def of_shard(answer: Path, shard: int) -> dict[int, str]:
    """The places in a shard whose documents go, each with the reason's value."""
    found: dict[int, str] = {}
    with pa.memory_map(str(answer / GONE)) as source:
        reader = pa.ipc.open_file(source)
        for number in range(reader.num_record_batches):
            batch = reader.get_batch(number)
            first, last = (batch.column(0)[at].as_py() >> 32 for at in (0, batch.num_rows - 1))
            if first <= shard <= last:
                rows = zip(batch.column(0).to_pylist(), batch.column(1).to_pylist(), strict=True)
                found.update(
                    (document & 0xFFFFFFFF, value) for document, value in rows if document >> 32 == shard
                )
    return found


def _mapped(path: Path) -> pa.Table:
    with pa.memory_map(str(path)) as source:
        return pa.ipc.open_file(source).read_all()
