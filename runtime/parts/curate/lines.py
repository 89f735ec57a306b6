"""Lines that come again and again: menus, notices, what every page of a site says (Llama 3, 3.1.1; ccNet).

`count` writes how often a shard's documents say each line, `merge` adds up the buckets and keeps the lines
that were said too often, and `without` takes them out of a text: every time, as Llama 3 did.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b
from pathlib import Path

import numpy as np

from . import sorted_runs

_SEEN = np.dtype([("key", np.uint64), ("bucket", np.uint32), ("count", np.uint32)])
_OFTEN = np.dtype([("bucket", np.uint32), ("key", np.uint64), ("count", np.uint32)])
_DIGITS = re.compile(r"\d")
_SIGNS = re.compile(r"[^\w\s]")
Often = Mapping[int, int]
"""How often each line of a bucket was said that was said too often."""


def key(line: str) -> int:
    """A line without case, signs and blanks, and with every digit as 0; 0 where nothing is left."""
    bare = " ".join(_DIGITS.sub("0", _SIGNS.sub("", line.lower())).split())
    raw = bare.encode("utf-8", "surrogatepass")
    return int.from_bytes(blake2b(raw, digest_size=8).digest(), "little") if bare else 0


def count(texts: Iterable[str], first: int, per: int, out: Path) -> None:
    """Write the lines of a shard, whose first document is number `first` of all; `per` documents are a bucket."""
    seen: Counter[tuple[int, int]] = Counter()
    for number, text in enumerate(texts, first):
        bucket = number // per
        seen.update((found, bucket) for line in text.split("\n") if (found := key(line)))
    rows = [(found, bucket, count) for (found, bucket), count in seen.items()]
    sorted_runs.write(out, np.array(rows, _SEEN))


def merge(paths: Sequence[Path], more_than: int, out: Path) -> int:
    """Write the lines that were said more often than this in a bucket; returns how many there are."""
    often = [np.empty(0, _OFTEN)]
    for piece in sorted_runs.pieces(paths):
        new = (piece["key"][1:] != piece["key"][:-1]) | (piece["bucket"][1:] != piece["bucket"][:-1])
        begins = np.flatnonzero(np.append(True, new))
        counts = np.add.reduceat(piece["count"].astype(np.uint64), begins)
        many = counts > more_than
        found = np.empty(int(many.sum()), _OFTEN)
        found["key"], found["bucket"] = piece["key"][begins][many], piece["bucket"][begins][many]
        found["count"] = np.minimum(counts[many], 0xFFFFFFFF)
        often.append(found)
    rows = sorted_runs.ordered(np.concatenate(often))
    np.save(out, rows)
    return len(rows)


def often(path: Path, bucket: int) -> Often:
    """A bucket's lines that go."""
    rows = sorted_runs.opened(path)
    begin, end = np.searchsorted(np.asarray(rows["bucket"]), [bucket, bucket + 1])
    mine = rows[begin:end]
    return dict(zip(mine["key"].tolist(), mine["count"].tolist(), strict=True))


def without(text: str, gone: Often) -> tuple[str, list[tuple[str, int]]]:
    """A text without the lines that go, and those lines with how often they were said."""
    if not gone:
        return text, []
    kept, dropped = list[str](), list[tuple[str, int]]()
    for line in text.split("\n"):
        said = gone.get(key(line))
        if said is None:
            kept.append(line)
        else:
            dropped.append((line, said))
    return ("\n".join(kept), dropped) if dropped else (text, [])
