"""What a corpus is made of: documents, split into those to learn from and those held out.

The builders `prose`, `code` and `skills` return a `Split`; the corpus stage
writes it down, and everything later reads the files.
"""

from __future__ import annotations

import hashlib
import unicodedata
import zlib
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Document:
    """A text under a name that says where it came from."""

    id: str
    text: str


@dataclass(frozen=True, slots=True)
class Question:
    """What a model may be asked, and the one right answer."""

    prompt: str
    answer: str


@dataclass(frozen=True, slots=True)
class Split:
    """A corpus: each part in the order of its documents' ids."""

    train: tuple[Document, ...]
    heldout: tuple[Document, ...]
    questions: tuple[Question, ...] = ()


def without_copies(documents: Iterable[Document]) -> list[Document]:
    """In order of id, without those that equal an earlier one up to blanks and Unicode forms."""
    seen: set[bytes] = set()
    kept: list[Document] = []
    for document in sorted(documents):
        bare = " ".join(unicodedata.normalize("NFC", document.text).split())
        mark = hashlib.sha256(bare.encode("utf-8", "surrogatepass")).digest()
        if mark not in seen:
            seen.add(mark)
            kept.append(document)
    return kept


def drawn_out(name: str, one_in: int) -> bool:
    """Whether a name is among the one in `one_in` that are held out: the same on every machine."""
    return zlib.crc32(name.encode()) % one_in == 0
