"""Pages out of WARC files: what a crawler was answered, record after record, in constant memory.

A record says how long it is.  Where behind it no other begins, that length is wrong: the record is
told and left out, and reading goes on where the next one begins.  What stands in a record, its HTTP
headers and how its body is packed, is fastwarc's to read.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

_BEGINS = b"WARC/1."
_NEXT = re.compile(rb"WARC/1\.\d\r?\n(?=WARC-|Content-)", re.I)
_LENGTH = re.compile(rb"\r?\ncontent-length:[ \t]*(\d{1,18})[ \t]*\r?\n", re.I)
_TYPE = re.compile(rb"\r?\nwarc-type:[ \t]*(\w+)", re.I)
_HEADER = 64 << 10
_SEEN, _HEADLINE = 1 << 20, 32
"""Bytes that are searched at once for where a record begins, and those of its first line and a bit."""
_TAIL = 16
"""Bytes behind a record in which the next has to begin: two line ends, and its first word."""
_PAGES = (b"response", b"resource", b"conversion")
_TEXTS = ("text/", "application/xhtml", "application/xml", "application/json")


@dataclass(frozen=True, slots=True)
class Page:
    """The body of an answer as text, and what is known of it."""

    text: str
    meta: dict[str, Any]


def pages(parts: Iterator[bytes], most: int) -> Iterator[tuple[int, Page | ValueError]]:
    """Each page with the number of its record, counted from 1, or why it cannot be had.

    Requests, repetitions and what is neither text nor HTML are no pages, and are passed over.
    """
    for number, found in enumerate(_records(_Ahead(parts), most), 1):
        if isinstance(found, ValueError):
            yield number, found
        elif found:
            try:
                page = _page(found, most)
            except (OSError, ValueError) as error:
                yield number, ValueError(str(error) if isinstance(error, ValueError) else "is no HTTP answer")
            else:
                if page:
                    yield number, page


class _Ahead:
    """A stream of which the next bytes can be looked at."""

    def __init__(self, parts: Iterator[bytes]) -> None:
        self._parts, self._held, self._at = parts, b"", 0
        self._broken: ValueError | None = None

    def ahead(self, count: int) -> bytes:
        """At most so many bytes; fewer where the stream ends."""
        if len(self._held) - self._at < count:
            held, size = [self._held[self._at :]], len(self._held) - self._at
            while size < count and (part := self._next()) is not None:
                held.append(part)
                size += len(part)
            self._held, self._at = b"".join(held), 0
        return self._held[self._at : self._at + count]

    def _next(self) -> bytes | None:
        try:
            return None if self._broken else next(self._parts, None)
        except ValueError as error:
            self._broken = error  # once what came before has been read
            return None

    def unless_broken(self) -> None:
        """Raises what is wrong with the file, where that is why there is no more."""
        if self._broken:
            raise self._broken

    def skip(self, count: int) -> int:
        """Go on by so many bytes, or to the end; returns how many there were."""
        left = count
        while left:
            step = min(left, len(self.ahead(min(left, 1 << 20))))
            if not step:
                break
            self._at += step
            left -= step
        return count - left


def _records(stream: _Ahead, most: int) -> Iterator[bytes | ValueError | None]:
    """Records as they are, None for those that hold no page, and why one cannot be taken."""
    while start := stream.ahead(_HEADER):
        blank = len(start) - len(start.lstrip(b"\r\n"))
        if blank:
            stream.skip(blank)
            continue
        head, end = _head(start)
        told = _LENGTH.search(head)
        if not start.startswith(_BEGINS) or not end or told is None:
            yield ValueError("is no WARC record" if not start.startswith(_BEGINS) else "has no length")
            _to_the_next(stream)
            continue
        size = end + int(told[1])
        kind = _TYPE.search(head)
        is_page = kind is not None and kind[1].lower() in _PAGES
        if size > most + _HEADER:
            yield ValueError(f"is longer than {most >> 20} MiB") if is_page else None
            if stream.skip(size) < size:
                stream.unless_broken()
                yield ValueError("is cut off")
            continue
        raw = stream.ahead(size + _TAIL)
        if _is_whole(raw, size):
            yield raw[:size] if is_page else None
            stream.skip(size)
        else:
            if len(raw) < size:
                stream.unless_broken()
            yield ValueError(f"is cut off or says a wrong length: {int(told[1])} bytes")
            _to_the_next(stream)
    stream.unless_broken()


def _head(start: bytes) -> tuple[bytes, int]:
    """The headers of a record, and where they end; 0 where they do not."""
    found = re.search(rb"\r?\n\r?\n", start)
    return (start[: found.end()], found.end()) if found else (start, 0)


def _is_whole(raw: bytes, size: int) -> bool:
    """Whether another record begins right behind one, or the file ends there."""
    if len(raw) < size:
        return False
    rest = raw[size:].lstrip(b"\r\n")
    return not rest or rest.startswith(_BEGINS[: len(rest)])


def _to_the_next(stream: _Ahead) -> None:
    """Go on to where a record begins."""
    stream.skip(1)
    while some := stream.ahead(_SEEN):
        found = _NEXT.search(some)
        if found:
            stream.skip(found.start())
            return
        stream.skip(len(some) if len(some) < _SEEN else len(some) - _HEADLINE)


# ---- what stands in a record ---------------------------------------------------------------------


def _page(raw: bytes, most: int) -> Page | None:
    from fastwarc.warc import ArchiveIterator  # pyright: ignore[reportMissingModuleSource]

    record = next(iter(ArchiveIterator(io.BytesIO(raw), auto_decode="all", stream_detect=False)), None)
    if record is None:
        raise ValueError("is no WARC record")
    http = record.http_headers if record.is_http else None
    kind = (record.http_content_type if http else record.headers.get("Content-Type")) or ""
    kind = kind.split(";")[0].strip().lower()
    url = (record.headers.get("WARC-Target-URI") or "").strip("<>")
    robots = url.split("?")[0].endswith("/robots.txt") and url.count("/") == 3
    if kind and not kind.startswith(_TEXTS) and not robots:
        return None
    body = record.reader.read(most + 1)
    if len(body) > most:
        raise ValueError(f"is longer than {most >> 20} MiB")
    meta = {"url": url, "date": record.headers.get("WARC-Date") or "", "type": kind}
    status = http.status_code if http else None
    text = _text(body, record.http_charset if http else None)
    if robots:
        text = text if text.strip() else f"# {status or 200}"
    elif status is not None and not 200 <= status < 300:
        return None
    return Page(text, meta | ({"status": status} if status is not None else {}))


_CHARSET = re.compile(rb"<meta[^>]{1,200}charset=[\"']?([\w.:-]{2,40})", re.I)


def _text(body: bytes, said: str | None) -> str:
    """A body as text, by what the server or the page says of its characters, else as UTF-8."""
    marked = _CHARSET.search(body[:4096])
    for name in (said, marked[1].decode() if marked else None, "utf-8"):
        try:
            return body.decode(name or "utf-8").lstrip("\ufeff").replace("\0", "")
        except (UnicodeDecodeError, LookupError) as error:
            last = error
    raise ValueError(
        f"is no UTF-8: byte {last.start + 1}" if isinstance(last, UnicodeDecodeError) else "is no UTF-8"
    )
