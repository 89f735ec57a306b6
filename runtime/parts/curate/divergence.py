"""How far a document's words are from the corpus's: Llama 3's token-distribution rule (2024, 3.1.1).

The divergence is Kullback and Leibler's, of the document's words from those of all documents,
in nats.  Words are counted in 65 536 buckets by their checksum.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .filter import Given, Page
from .pieces import words_of

_BUCKETS = 1 << 16
_NAME = "words.npy"
Counts = np.ndarray[Any, np.dtype[np.int64]]


def counted(pages: Iterator[Page], out: Path) -> None:
    whole = np.zeros(_BUCKETS, np.int64)
    for page in pages:
        buckets, counts = _buckets(page.text)
        whole[buckets] += counts
    np.save(out / _NAME, whole, allow_pickle=False)


def merged(counts: Sequence[Path], given: Given, out: Path) -> None:
    whole = np.zeros(_BUCKETS, np.int64)
    for folder in counts:
        whole += np.load(folder / _NAME, allow_pickle=False)
    np.save(out / _NAME, whole, allow_pickle=False)


def read(answer: Path) -> Counts:
    return np.load(answer / _NAME, allow_pickle=False)


def broken(text: str, whole: Counts, limits: Any) -> tuple[str, float] | None:
    found = of(text, whole)
    return ("divergence of the words", found) if found > limits["token_divergence"] else None


def of(text: str, whole: Counts) -> float:
    """Sum over the document's words of p · ln(p / q); q counts every bucket once more than it was seen."""
    buckets, counts = _buckets(text)
    if not len(buckets):
        return 0.0
    own = counts / counts.sum()
    others = (whole[buckets] + 1) / (whole.sum() + _BUCKETS)
    return float(np.sum(own * np.log(own / others)))


def _buckets(text: str) -> tuple[Counts, Counts]:
    found = [zlib.crc32(word.encode()) & 0xFFFF for word in words_of(text.lower())]
    return np.unique(np.array(found, np.int64), return_counts=True)
