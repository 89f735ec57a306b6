"""Documents as token ids: in shards of bounded size, mapped into memory and not read.

The tokenize stage writes them; `order` and `feed` read them for training,
`heldout` for examinations.  A document never crosses from one shard into the next.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

SHARD = 256 << 20
"""Bytes of one shard's tokens, at most, unless a single document is larger."""


class Documents:
    """All documents in a row: document k stands at `starts[k] : starts[k + 1]`."""

    def __init__(self, shards: Sequence[tuple[Tensor, Tensor]]) -> None:
        """Each shard is its tokens, and where in them its documents start, and the end."""
        self.shards = tuple(tokens for tokens, _ in shards)
        self._ends = tuple(accumulate(tokens.numel() for tokens in self.shards))
        firsts = (0, *self._ends[:-1])
        parts = [starts[:-1] + first for first, (_, starts) in zip(firsts, shards, strict=True)]
        self.starts = torch.cat([*parts, torch.tensor(self._ends[-1:] or (0,))])

    def __len__(self) -> int:
        return self.starts.numel() - 1

    @property
    def size(self) -> int:
        """Tokens in all."""
        return self._ends[-1] if self._ends else 0

    def __getitem__(self, index: int) -> Tensor:
        return self.at(torch.arange(int(self.starts[index]), int(self.starts[index + 1])))

    def __iter__(self) -> Iterator[Tensor]:
        return (self[index] for index in range(len(self)))

    def at(self, places_N: Tensor) -> Tensor:
        """The tokens at these places of the row, as int64."""
        if len(self.shards) == 1:
            return _gathered(self.shards[0], places_N)
        found_N = torch.empty_like(places_N)
        shard_N = torch.bucketize(places_N, torch.tensor(self._ends), right=True)
        for shard in shard_N.unique().tolist():
            here_N = shard_N == shard
            first = self._ends[shard - 1] if shard else 0
            found_N[here_N] = _gathered(self.shards[shard], places_N[here_N] - first)
        return found_N


@dataclass(frozen=True)
class TokenSet:
    """A corpus as its tokenized artifact holds it."""

    train: Documents
    heldout: Documents
    folder: Path | None = None

    @classmethod
    def open(cls, folder: Path) -> TokenSet:
        return cls(opened(folder, "train"), opened(folder, "heldout"), folder)

    @classmethod
    def of(cls, inputs: Mapping[str, Path]) -> dict[str, TokenSet]:
        """Those among a step's inputs, whose roles are `tokens:<corpus>`, by corpus."""
        read = {role.partition(":"): path for role, path in inputs.items()}
        return {name: cls.open(path) for (role, _, name), path in read.items() if role == "tokens"}

    def __reduce__(self) -> tuple[Any, ...]:
        """Another process opens the files by itself."""
        return (TokenSet.open, (self.folder,)) if self.folder else (TokenSet, (self.train, self.heldout))


def opened(folder: Path, part: str) -> Documents:
    """A part's shards in their order.  Their pages are read when they are asked for."""
    found = sorted(folder.glob(f"{part}*.safetensors"))
    if not found:
        raise FileNotFoundError(f"{folder} holds no tokens of its {part} part")
    return Documents([_mapped(path) for path in found])


def write_shards(
    folder: Path, part: str, documents: Iterable[list[int]], vocab: int, most: int = SHARD
) -> dict[str, int]:
    """Write documents as they come, a shard at a time; returns how many there were, and how many tokens."""
    row, counts = _Row(vocab), {"documents": 0, "tokens": 0}
    shards = 0
    for ids in documents:
        if row.tokens and (len(row.tokens) + len(ids)) * row.tokens.itemsize > most:
            write(folder / f"{part}-{shards:05}.safetensors", row.documents())
            row, shards = _Row(vocab), shards + 1
        row.add(ids)
        counts["documents"] += 1
        counts["tokens"] += len(ids)
    write(folder / f"{part}-{shards:05}.safetensors", row.documents())
    return counts


def collect(documents: Iterable[list[int]], vocab: int) -> Documents:
    """One shard in memory."""
    row = _Row(vocab)
    for ids in documents:
        row.add(ids)
    return row.documents()


class _Row:
    """Documents that become a shard: two bytes an id where the vocabulary allows it."""

    def __init__(self, vocab: int) -> None:
        narrow = vocab <= 1 << 16
        self.tokens, self._dtype = array("H" if narrow else "I"), torch.uint16 if narrow else torch.uint32
        self._starts = array("q", [0])

    def add(self, ids: list[int]) -> None:
        self.tokens.extend(ids)
        self._starts.append(len(self.tokens))

    def documents(self) -> Documents:
        empty = torch.empty(0, dtype=self._dtype)
        row = torch.frombuffer(self.tokens, dtype=self._dtype) if self.tokens else empty
        return Documents([(row, torch.frombuffer(self._starts, dtype=torch.int64))])


def write(path: Path, shard: Documents) -> None:
    (tokens,) = shard.shards
    save_file({"starts": shard.starts, "tokens": tokens}, path)


def _mapped(path: Path) -> tuple[Tensor, Tensor]:
    with safe_open(path, framework="pt") as file:
        tokens, starts = file.get_tensor("tokens"), file.get_tensor("starts")
    if tokens.dtype not in _AS or starts.dtype != torch.int64 or int(starts[-1]) != tokens.numel():
        raise ValueError(f"{path} does not hold tokens and the starts of their documents")
    return tokens, starts


_AS = {torch.uint16: (torch.int16, 0xFFFF), torch.uint32: (torch.int32, 0xFFFFFFFF)}
"""Unsigned numbers are what torch cannot index: the type that it reads them by, and their bits."""


def _gathered(tokens: Tensor, places_N: Tensor) -> Tensor:
    signed, bits = _AS[tokens.dtype]
    return tokens.view(signed)[places_N].to(torch.int64) & bits
