"""Documents and questions as Parquet files: how a corpus lies in the store.

The corpus stage writes them; the tokenizer, the tokenize stage and the
examinations read them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from .documents import Document, Question

_DOCUMENTS = pa.schema([("id", pa.string()), ("text", pa.string())])
_QUESTIONS = pa.schema([("prompt", pa.string()), ("answer", pa.string())])


_RECORDS = pa.schema([("id", pa.string()), ("text", pa.string()), ("meta", pa.string())])
_AT_ONCE = 256
_ROWS, _BYTES = 4096, 16 << 20
"""Of a group of rows, at most; a single text may be larger."""


@contextmanager
def records(path: Path) -> Iterator[Callable[[str, str, str], None]]:
    """A function that writes one document after the other: its id, its text, and what else is known as JSON."""
    rows, size = list[dict[str, str]](), 0
    with pq.ParquetWriter(path, _RECORDS, compression="zstd") as writer:

        def write(name: str, text: str, meta: str) -> None:
            nonlocal rows, size
            rows.append({"id": name, "text": text, "meta": meta})
            size += len(text) + len(meta)
            if len(rows) == _ROWS or size > _BYTES:
                writer.write_table(pa.Table.from_pylist(rows, schema=_RECORDS))
                rows, size = [], 0

        yield write
        if rows:
            writer.write_table(pa.Table.from_pylist(rows, schema=_RECORDS))


def read_records(path: Path) -> Iterator[tuple[str, str, str]]:
    """What `records` wrote; of documents alone nothing else is known."""
    for row in _rows(path):
        yield row["id"], row["text"], row.get("meta", "")


def write_documents(path: Path, documents: Iterable[Document]) -> None:
    _write(path, _DOCUMENTS, [{"id": document.id, "text": document.text} for document in documents])


def read_documents(path: Path) -> Iterator[Document]:
    """The documents in the order in which they were written."""
    for row in _rows(path, ["id", "text"]):
        yield Document(row["id"], row["text"])


def write_questions(path: Path, questions: Iterable[Question]) -> None:
    _write(path, _QUESTIONS, [{"prompt": asked.prompt, "answer": asked.answer} for asked in questions])


def read_questions(path: Path) -> list[Question]:
    return [Question(row["prompt"], row["answer"]) for row in _rows(path)]


def _write(path: Path, schema: pa.Schema, rows: list[dict[str, str]]) -> None:
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), path, compression="zstd")


def _rows(path: Path, columns: list[str] | None = None) -> Iterator[dict[str, str]]:
    """Row after row.  One group is in memory at a time, and few rows of it as Python's own."""
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(batch_size=_AT_ONCE, columns=columns):
            yield from batch.to_pylist()
