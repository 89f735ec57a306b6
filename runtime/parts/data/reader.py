"""Texts out of files of one's own: JSON lines, Parquet, Arrow, WARC, and plain text, compressed or not.

One reader for all of them, file after file in the order of their names.  It yields
what it found, and what it could not take with the reason, in memory that depends
on nothing but the caps below.  The corpus stage decides what becomes of bad records.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from ....compiler.plan.files import opened
from ..chat.rows import chat, taken
from ..door import parse
from . import arrow, columns, warc
from .decompress import chunks
from .kinds import kind_of, packing

MOST_BYTES = 32 << 20
"""Of one record, or one file of plain text."""


@dataclass(frozen=True, slots=True)
class Record:
    """A text, what else its record says, and where it stands; lines and rows are counted from 1."""

    id: str
    text: str
    meta: dict[str, Any] = field(hash=False)
    file: str
    line: int


@dataclass(frozen=True, slots=True)
class Bad:
    """A record that cannot be taken, and why: the end of a sentence that begins with it."""

    file: str
    line: int
    why: str


class Unreadable(Exception):
    """A whole file that cannot be read; the message ends a sentence that begins with its name."""

    def __init__(self, file: str, why: str, after: int = 0) -> None:
        super().__init__(f"{file} {why}" + (f" after record {after}" if after else ""))
        self.file, self.why, self.after = file, why, after


def read(file: str, name: str, root: Path) -> Iterator[Record | Bad]:
    """The records of a file below `root`, whose field `name` is the text.

    One without that field may be a conversation: `messages`, or `prompt` and `completion`.  Without a name records are
    read whole, and have no text.
    """
    last = 0
    try:
        with opened(file, root) as stream:
            for found in _found(stream, file, name):
                last = found.line
                yield found
    except (OSError, ValueError) as error:
        told = str(error.strerror).lower() if isinstance(error, OSError) and error.strerror else str(error)
        raise Unreadable(file, told, last) from error


def _found(stream: BinaryIO, file: str, name: str) -> Iterator[Record | Bad]:
    match kind_of(file):
        case "lines":
            yield from _json_lines(stream, file, name)
        case "rows":
            yield from _rows(columns.rows(stream, name), file, name)
        case "batches":
            yield from _rows(arrow.rows(stream, name), file, name)
        case "pages":
            yield from _pages(stream, file)
        case _:
            yield _whole(stream, file)


# ---- lines ---------------------------------------------------------------------------


def _json_lines(stream: BinaryIO, file: str, name: str) -> Iterator[Record | Bad]:
    for line, raw in _lines(chunks(stream, packing(file))):
        if raw is None:
            yield Bad(file, line, f"is longer than {MOST_BYTES >> 20} MiB")
        elif raw.strip():
            try:
                yield _record(parse(_decoded(raw, line)), file, line, name)
            except ValueError as error:
                yield Bad(file, line, str(error))


def _lines(parts: Iterator[bytes]) -> Iterator[tuple[int, bytes | None]]:
    """Lines with their numbers; of one that is too long nothing is kept."""
    number, held, size = 1, list[bytes](), 0
    for part in parts:
        *whole, rest = part.split(b"\n")
        for piece in whole:
            size += len(piece)
            yield number, b"".join((*held, piece)) if size <= MOST_BYTES else None
            number, held, size = number + 1, [], 0
        size += len(rest)
        held = [*held, rest] if size <= MOST_BYTES else []
    if size:
        yield number, b"".join(held) if size <= MOST_BYTES else None


def _decoded(raw: bytes, line: int = 1) -> str:
    """UTF-8; the mark that some editors put before a file is no part of it."""
    try:
        return raw.decode("utf-8-sig" if line == 1 else "utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"is no UTF-8: byte {error.start + 1}") from None


def _record(found: Any, file: str, line: int, name: str) -> Record:
    if not isinstance(found, dict):
        raise ValueError("is no JSON object")
    if not name:
        return Record(f"{file}:{line}", "", found, file, line)
    if name not in found and chat(found):
        return Record(f"{file}:{line}", *taken(found), file, line)
    if name not in found:
        raise ValueError(f"has no field `{name}`")
    text = sound(found.pop(name), name)
    return Record(f"{file}:{line}", text, found, file, line)


def sound(text: Any, name: str) -> str:
    """A text that can be learnt from: a string that any file can hold."""
    if not isinstance(text, str):
        raise ValueError(f"has no text in `{name}`, but {_called(text)}")
    if "\0" in text:
        raise ValueError(f"has a NUL in `{name}`")
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        raise ValueError(f"has half a character in `{name}`") from None
    if size > MOST_BYTES:
        raise ValueError(f"is longer than {MOST_BYTES >> 20} MiB")
    return text


def _called(value: Any) -> str:
    names = {type(None): "null", bool: "true or false", int: "a number", float: "a number"}
    return names.get(type(value), "a list" if isinstance(value, list) else "an object")


# ---- whole files, and tables ------------------------------------------------------------


def _whole(stream: BinaryIO, file: str) -> Record | Bad:
    held, size = list[bytes](), 0
    for part in chunks(stream, packing(file)):
        size += len(part)
        if size > MOST_BYTES:
            return Bad(file, 1, f"is longer than {MOST_BYTES >> 20} MiB")
        held.append(part)
    raw = b"".join(held)
    try:
        return Record(file, sound(_decoded(raw), "the file"), {}, file, 1)
    except ValueError as error:
        return Bad(file, _line_of(raw, error), str(error))


def _line_of(raw: bytes, error: ValueError) -> int:
    """The line at which a text stops being one."""
    cause = error.__context__
    at = cause.start if isinstance(cause, UnicodeDecodeError) else raw.find(b"\0")
    return raw.count(b"\n", 0, max(0, at)) + 1


def _pages(stream: BinaryIO, file: str) -> Iterator[Record | Bad]:
    """The answers of a crawl; `line` is the number of the record."""
    for number, found in warc.pages(chunks(stream, packing(file)), MOST_BYTES):
        try:
            if isinstance(found, ValueError):
                raise found
            yield Record(f"{file}:{number}", sound(found.text, "the page"), found.meta, file, number)
        except ValueError as error:
            yield Bad(file, number, str(error))


def _rows(
    rows: Iterator[tuple[int, dict[str, Any] | ValueError]], file: str, name: str
) -> Iterator[Record | Bad]:
    for row, found in rows:
        try:
            if isinstance(found, ValueError):
                raise found
            if name in found:
                text, rest = sound(found.pop(name), name), found
            else:
                text, rest = taken(found) if name else ("", found)
            yield Record(f"{file}:{row}", text, rest, file, row)
        except ValueError as error:
            yield Bad(file, row, str(error))
