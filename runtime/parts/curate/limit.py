"""Keep a part of a given size, drawn at random: the documents whose keyed digests are smallest."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from pathlib import Path

import numpy as np

from .filter import Filtered, Given, Page, Round

BYTES_PER_TOKEN = 4
"""What a token is taken to be before there is a tokenizer."""


def rounds(given: Given) -> Sequence[Round]:
    return (Round(_count, _merge),)


def keep(pages: Iterator[Page], given: Given) -> Filtered:
    last = int((given.answers[0] / "last").read_text())
    rng = _rng(given)
    for page in pages:
        yield page if _draw(page, rng) <= last else page.dropped("beyond the limit")


def _rng(given: Given) -> int:
    own = given.settings.get("rng")
    return given.rng if own is None else own


def _draw(page: Page, rng: int) -> int:
    return int.from_bytes(blake2b(page.id.encode(), digest_size=8, key=b"%d" % rng).digest(), "big")


def _count(pages: Iterator[Page], given: Given, out: Path) -> None:
    rng = _rng(given)
    found = [(_draw(page, rng), len(page.text.encode())) for page in pages]
    np.save(out / "draws.npy", np.array(sorted(found), dtype=np.uint64).reshape(-1, 2), allow_pickle=False)


def _merge(counts: Sequence[Path], given: Given, out: Path) -> None:
    """The largest draw that is still within the limits."""
    tokens, examples = given.settings.get("tokens"), given.settings.get("examples")
    rows = (np.load(folder / "draws.npy", mmap_mode="r", allow_pickle=False) for folder in counts)
    size, last = 0, -1
    for number, (draw, length) in enumerate(heapq.merge(*(map(tuple, one) for one in rows))):
        size += int(length)
        if (examples is not None and number >= examples) or (
            tokens is not None and size > tokens * BYTES_PER_TOKEN
        ):
            break
        last = int(draw)
    (out / "last").write_text(str(last))
