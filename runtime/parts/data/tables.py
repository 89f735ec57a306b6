"""Documents and questions as Parquet files: how a corpus lies in the store.

The corpus stage writes them; the tokenizer, the tokenize stage and the
examinations read them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from .documents import Document, Question

_DOCUMENTS = pa.schema([("id", pa.string()), ("text", pa.string())])
_QUESTIONS = pa.schema([("prompt", pa.string()), ("answer", pa.string())])


def write_documents(path: Path, documents: Iterable[Document]) -> None:
    _write(path, _DOCUMENTS, [{"id": document.id, "text": document.text} for document in documents])


def read_documents(path: Path) -> Iterator[Document]:
    """The documents in the order in which they were written."""
    for row in _rows(path):
        yield Document(row["id"], row["text"])


def write_questions(path: Path, questions: Iterable[Question]) -> None:
    _write(path, _QUESTIONS, [{"prompt": asked.prompt, "answer": asked.answer} for asked in questions])


def read_questions(path: Path) -> list[Question]:
    return [Question(row["prompt"], row["answer"]) for row in _rows(path)]


def _write(path: Path, schema: pa.Schema, rows: list[dict[str, str]]) -> None:
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), path, compression="zstd")


def _rows(path: Path) -> Iterator[dict[str, str]]:
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches():
            yield from batch.to_pylist()
