"""From a path to a source: bytes read once, decoded with care.

The first step of the journey; `reader` comes next.  What is wrong in the file is a letter; a path
that is missing or cannot be read raises `OSError`, for the command line to tell.
"""

from __future__ import annotations

import codecs
from pathlib import Path

from ..diagnostics.diagnostic import Diagnostic, Label
from ..text import Source, Span
from .letters import letter

LARGEST = 2**22
"""The most characters that a spec may have; `parse` says so where it has more."""


def load(path: str | Path, shown_as: str | None = None) -> tuple[Source | None, list[Diagnostic]]:
    """A file's text.  No more is read than `parse` will look at; a byte order mark is let pass."""
    with Path(path).open("rb") as file:
        data = file.read(4 * LARGEST + 8)
    return decoded(data, shown_as if shown_as is not None else str(path))


def decoded(data: bytes, name: str) -> tuple[Source | None, list[Diagnostic]]:
    """The text of some bytes, under the name by which the user knows them."""
    data = data.removeprefix(codecs.BOM_UTF8)
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        return Source(name, decoder.decode(data, final=len(data) <= 4 * LARGEST)), []
    except UnicodeDecodeError as error:
        return None, [_undecodable(name, data, error)]


def _undecodable(name: str, data: bytes, error: UnicodeDecodeError) -> Diagnostic:
    """The letter shows the text with a mark where the first bad byte is."""
    readable = data[: error.start].decode("utf-8")
    rest = data[error.start :].split(b"\n", 1)[0].decode("utf-8", "replace")
    place = Span(Source(name, readable + rest), len(readable), len(readable) + 1)
    return letter("SYN119", place, text=f"the byte 0x{data[error.start]:02X}")


def too_large(source: Source) -> Diagnostic | None:
    """The letter about a source that is too long to be read."""
    if len(source.text) <= LARGEST:
        return None
    place = Span(source, LARGEST, LARGEST + 1)
    return letter("SYN120", place).at(Label(place, "the limit is here"))
