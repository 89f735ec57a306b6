"""The rows of a Parquet file, read in pieces; `reader` makes records of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from ..chat.rows import chat

_AT_ONCE = 256  # rows
MOST = 2 << 30
"""Bytes of one column in one row group: it is held whole while it is read."""
RATIO = 256
FREE = 64 << 20


def rows(stream: BinaryIO, name: str) -> Iterator[tuple[int, dict[str, Any] | ValueError]]:
    """Each row with its number: its plain columns by name, or why it cannot be read.

    Raises ValueError where the file is no Parquet, lacks the column or would not fit in memory.
    """
    try:
        wanted = plain(pq.read_schema(stream), name)
        # As a dictionary, one long text in a million rows is held once.
        texts = [one for one in wanted if one == name]
        with pq.ParquetFile(stream, read_dictionary=texts) as file:
            _refuse_bombs(file, wanted)
            row = 0
            for batch in file.iter_batches(batch_size=_AT_ONCE, columns=wanted):
                for found in values(batch):
                    row += 1
                    yield row, found
    except (pa.ArrowException, OSError) as error:
        raise ValueError(f"is damaged: {str(error).splitlines()[0]}") from error


def plain(schema: pa.Schema, name: str) -> list[str]:
    """The column of texts, or those of a conversation, and the columns that JSON could hold as they are.

    Without a name it is all columns.
    """
    if not name:
        return list(dict.fromkeys(schema.names))
    said = [] if name in schema.names else chat(schema.names)
    if name not in schema.names and not said:
        raise ValueError(f"has no column `{name}`; it has {', '.join(schema.names[:8]) or 'none'}")
    if len(schema.get_all_field_indices(name)) > 1:
        raise ValueError(f"has two columns `{name}`")
    kinds = pa.types.is_string, pa.types.is_large_string, pa.types.is_integer, pa.types.is_boolean
    plain = (one.name for one in schema if any(is_kind(one.type) for is_kind in kinds))
    return list(dict.fromkeys((*(said or (name,)), *plain)))


def _refuse_bombs(file: pq.ParquetFile, wanted: list[str]) -> None:
    told = file.metadata
    for group in map(told.row_group, range(told.num_row_groups)):
        for column in map(group.column, range(group.num_columns)):
            size = column.total_uncompressed_size
            swells = size > FREE + RATIO * max(1, column.total_compressed_size)
            if column.path_in_schema.partition(".")[0] in wanted and (swells or size > MOST):
                raise ValueError(f"holds {size >> 20} MiB in one group of column `{column.path_in_schema}`")


def values(batch: pa.RecordBatch) -> Iterator[dict[str, Any] | ValueError]:
    columns = dict(zip(batch.schema.names, batch.columns, strict=True))
    for at in range(batch.num_rows):
        try:
            yield {name: column[at].as_py() for name, column in columns.items()}
        except UnicodeDecodeError as error:
            yield ValueError(f"is no UTF-8: byte {error.start + 1}")
