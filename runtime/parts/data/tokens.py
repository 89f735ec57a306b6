"""Documents as token ids: all in a row, with the position at which each one starts.

The tokenize stage writes them; `order` and `feed` read them for training,
`heldout` for examinations.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Documents:
    """`tokens` of all documents; document k is `tokens[starts[k] : starts[k + 1]]`."""

    tokens: Tensor
    starts: Tensor

    def __len__(self) -> int:
        return self.starts.numel() - 1

    def __getitem__(self, index: int) -> Tensor:
        return self.tokens[self.starts[index] : self.starts[index + 1]]

    def __iter__(self) -> Iterator[Tensor]:
        return (self[index] for index in range(len(self)))


@dataclass(frozen=True)
class TokenSet:
    """A corpus as its tokenized artifact holds it."""

    train: Documents
    heldout: Documents
    folder: Path | None = None

    @classmethod
    def open(cls, folder: Path) -> TokenSet:
        return cls(read(folder / "train.safetensors"), read(folder / "heldout.safetensors"), folder)

    def __reduce__(self) -> tuple[Any, ...]:
        """Another process opens the files by itself."""
        return (TokenSet.open, (self.folder,)) if self.folder else (TokenSet, (self.train, self.heldout))


def collect(documents: Iterable[list[int]], vocab: int) -> Documents:
    """Put documents in a row: two bytes an id where the vocabulary allows it."""
    code, dtype = ("H", torch.uint16) if vocab <= 1 << 16 else ("i", torch.int32)
    tokens, starts = array(code), array("q", [0])
    for ids in documents:
        tokens.extend(ids)
        starts.append(len(tokens))
    row = torch.frombuffer(tokens, dtype=dtype) if tokens else torch.empty(0, dtype=dtype)
    return Documents(row, torch.frombuffer(starts, dtype=torch.int64))


def read(path: Path) -> Documents:
    tensors = load_file(path)
    return Documents(tensors["tokens"], tensors["starts"])


def write(path: Path, documents: Documents) -> None:
    save_file({"starts": documents.starts, "tokens": documents.tokens}, path)
