"""Copies: documents that say the same, or come from the same address.

`count` writes a mark of each document of a shard, `merge` reads all marks in sorted pieces and
says which documents go.  Of documents that say the same the first stays; of an address's pages
the newest, where their records say when they were fetched.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b, sha256
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np

from . import sorted_runs

_MARK = np.dtype([("key", np.uint64), ("rest", np.uint64), ("age", np.uint64), ("document", np.uint64)])
_DROP = np.dtype([("document", np.uint64), ("kept", np.uint64)])
_OLDEST = (1 << 64) - 1
Mark = tuple[bytes, int]
"""Sixteen bytes of a digest, and what orders the documents that share it: the smallest stays."""


def of_text(text: str) -> Mark:
    """SHA-256 of the NFC text with blanks collapsed."""
    bare = " ".join(unicodedata.normalize("NFC", text).split())
    return sha256(bare.encode("utf-8", "surrogatepass")).digest()[:16], 0


def of_address(url: str, date: str = "") -> Mark:
    """An address without its fragment, its scheme and the case of its host; `date` is ISO 8601."""
    return blake2b(normal(url).encode("utf-8", "surrogatepass"), digest_size=16).digest(), _age(date)


def normal(url: str) -> str:
    """Two addresses that are the same here lead to one page."""
    try:
        parts = urlsplit(url.strip())
        port = f":{parts.port}" if parts.port and parts.port not in (80, 443) else ""
    except ValueError:
        return url.strip()
    host = (parts.hostname or "").removeprefix("www.")
    return f"{host}{port}{parts.path or '/'}" + (f"?{parts.query}" if parts.query else "")


def _age(date: str) -> int:
    """Greater for what is older; what has no date is oldest."""
    digits = "".join(sign for sign in date if sign.isdecimal() and sign.isascii())[:14]
    return _OLDEST - int(digits.ljust(14, "0")) if digits else _OLDEST


def count(marks: Iterable[Mark | None], shard: int, out: Path) -> None:
    """Write the marks of a shard's documents; one without a mark is like no other."""
    rows = [
        (int.from_bytes(mark[0][:8], "big"), int.from_bytes(mark[0][8:], "big"), mark[1], shard << 32 | place)
        for place, mark in enumerate(marks)
        if mark is not None
    ]
    sorted_runs.write(out, np.array(rows, _MARK))


def merge(paths: Sequence[Path]) -> Iterator[tuple[int, int]]:
    """Which documents go, each with the one that stays for it, by rising number."""
    drops = [np.empty(0, _DROP)]
    for piece in sorted_runs.pieces(paths):
        key, rest = piece["key"], piece["rest"]
        first = np.append(True, (key[1:] != key[:-1]) | (rest[1:] != rest[:-1]))
        heads = piece["document"][np.maximum.accumulate(np.where(first, np.arange(len(piece)), 0))]
        gone = np.empty(int((~first).sum()), _DROP)
        gone["document"], gone["kept"] = piece["document"][~first], heads[~first]
        drops.append(gone)
    for row in sorted_runs.ordered(np.concatenate(drops)):
        yield int(row["document"]), int(row["kept"])
