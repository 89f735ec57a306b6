"""The rows of an Arrow file or stream, a batch at a time; `reader` makes records of them.

A file is a stream between two marks, with a table of its batches behind it that is not
needed here.  The format is made for those who trust each other: lengths and offsets are
what the file says they are.  So sizes are looked at before anything is unpacked, and
offsets before anything is read.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from typing import Any, BinaryIO

import pyarrow as pa

from .columns import FREE, MOST, RATIO, plain, values

_MARK = b"ARROW1"
_GOES_ON = b"\xff\xff\xff\xff"
_END = _GOES_ON + bytes(4)
_HEADER = 16 << 20
"""Bytes that describe a batch, at most; a hundred columns take ten thousand."""
_DICTIONARY, _RECORDS = 2, 3


def rows(stream: BinaryIO, name: str) -> Iterator[tuple[int, dict[str, Any] | ValueError]]:
    """Each row with its number: its plain columns by name, or why it cannot be read.

    Raises ValueError where the file is not Arrow, lacks the column or would not fit in memory.
    """
    try:
        start, size = _bounds(stream)
        _refuse_bombs(stream, start, size)
        row = 0
        for batch in _batches(stream, start, name):
            for found in values(batch):
                row += 1
                yield row, found
    except (pa.ArrowException, OSError, struct.error) as error:
        raise ValueError(f"is damaged: {str(error).splitlines()[0]}") from error


def _batches(stream: BinaryIO, start: int, name: str) -> Iterator[pa.RecordBatch]:
    stream.seek(start)
    schema = pa.ipc.open_stream(stream).schema
    wanted = [schema.get_field_index(one) for one in plain(schema, name)]
    stream.seek(start)
    options = pa.ipc.IpcReadOptions(use_threads=False, included_fields=wanted)
    for batch in pa.ipc.open_stream(stream, options=options):
        for column in batch.columns:
            _validate(column)
        yield batch


def _validate(column: pa.Array) -> None:
    """Whether every value lies inside its buffers.  Whether a text is UTF-8 is seen row by row."""
    if pa.types.is_string(column.type):
        column = column.view(pa.binary())
    elif pa.types.is_large_string(column.type):
        column = column.view(pa.large_binary())
    column.validate(full=True)


# ---- sizes, from the headers alone ---------------------------------------------------------


def _bounds(stream: BinaryIO) -> tuple[int, int]:
    """Where the batches begin, and how long the file is; one that was cut off has no end."""
    head, size = stream.read(8), stream.seek(0, os.SEEK_END)
    stream.seek(max(0, size - 8))
    tail = stream.read(8)
    if head.startswith(_MARK):
        if tail.endswith(_MARK) and size > 2 * 8:
            return 8, size
    elif not head.startswith(_GOES_ON):
        raise ValueError("is no Arrow file, nor a stream of Arrow's")
    elif tail == _END:
        return 0, size
    raise ValueError("is damaged: it is cut off")


def _refuse_bombs(stream: BinaryIO, start: int, size: int) -> None:
    stream.seek(start)
    while (head := stream.read(8)) != _END:
        goes_on, length = struct.unpack("<4sI", head)
        if goes_on != _GOES_ON or length > _HEADER:
            raise ValueError("is damaged: no batch where one should be")
        header = stream.read(length)
        body, kept = stream.tell(), _Header(header)
        if not 0 <= kept.body <= size - body:
            raise ValueError("is damaged: it is cut off")
        unpacked = (
            sum(_unpacked(stream, body, *one) for one in kept.buffers()) if kept.is_packed else kept.body
        )
        if unpacked > min(MOST, FREE + RATIO * kept.body):
            raise ValueError(f"holds {unpacked >> 20} MiB in one batch")
        stream.seek(body + kept.body)


def _unpacked(stream: BinaryIO, body: int, offset: int, length: int) -> int:
    """Bytes of a buffer once it is unpacked: they stand before it, or -1 where it is stored as it is."""
    if length <= 0:
        return 0
    stream.seek(body + offset)
    (told,) = struct.unpack("<q", stream.read(8))
    return length if told == -1 else abs(told)


class _Header:
    """What a batch's header says of sizes: a flatbuffer, whose tables say where each of their fields is."""

    def __init__(self, raw: bytes) -> None:
        self._raw = raw
        message = self._at("<I", 0)
        kind, header, body = (self._field(message, index) for index in (1, 2, 3))
        self.body: int = self._at("<q", body) if body else 0
        what = self._at("<B", kind) if kind else 0
        self._batch = self._follow(header) if header and what in (_DICTIONARY, _RECORDS) else None
        if self._batch is not None and what == _DICTIONARY:
            inside = self._field(self._batch, 1)
            self._batch = self._follow(inside) if inside else None

    @property
    def is_packed(self) -> bool:
        return self._batch is not None and self._field(self._batch, 3) is not None

    def buffers(self) -> Iterator[tuple[int, int]]:
        """Offset in the body and length of each."""
        place = self._field(self._batch, 2) if self._batch is not None else None
        if place is not None:
            first = self._follow(place)
            for index in range(self._at("<I", first)):
                offset, length = (self._at("<q", first + 4 + 16 * index + 8 * half) for half in (0, 1))
                if not (0 <= offset <= self.body and length <= self.body - offset):
                    raise ValueError("is damaged: a buffer leaves its batch")
                yield offset, length

    def _at(self, kind: str, place: int) -> int:
        if place < 0:
            raise ValueError("is damaged: a header points before itself")
        return struct.unpack_from(kind, self._raw, place)[0]

    def _follow(self, place: int) -> int:
        return place + self._at("<I", place)

    def _field(self, table: int, index: int) -> int | None:
        places = table - self._at("<i", table)
        entry = 4 + 2 * index
        offset = self._at("<H", places + entry) if entry < self._at("<H", places) else 0
        return table + offset if offset else None
