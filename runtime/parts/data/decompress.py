"""Files as streams of bytes, plain or compressed, in constant memory.

A few kilobytes of gzip or zstd can stand for terabytes.  What comes out is
counted against what went in, and a file that swells beyond all text is refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

import pyarrow as pa

_CODECS = {".gz": "gzip", ".zst": "zstd"}
_CHUNK = 1 << 16
"""Read at once: what stands in the last piece before a file breaks off is lost with the rest."""
_FREE = 64 << 20
"""Bytes that may come out of any file, however small: blanks and zeros compress well."""
_RATIO = 256
"""Bytes out for each byte in, at most.  Prose comes to 4, logs to 50; gzip can reach 1 028, zstd 32 692."""


def chunks(file: BinaryIO, suffix: str) -> Iterator[bytes]:
    """The content of a file, 64 KiB at a time.  Raises ValueError where it is damaged or a bomb."""
    codec = _CODECS.get(suffix)
    stream = pa.PythonFile(file, "r")
    if codec:
        stream = pa.CompressedInputStream(stream, codec)
    produced = 0
    try:
        while chunk := stream.read(_CHUNK):
            produced += len(chunk)
            if produced > _FREE + _RATIO * file.tell():
                raise ValueError(f"grows beyond {_RATIO} bytes for each byte of the file")
            yield chunk
    except (pa.ArrowException, OSError) as error:
        raise ValueError(f"is damaged: {str(error).splitlines()[0]}") from error
