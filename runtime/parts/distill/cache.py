"""What a teacher says, in files: the shards of a targets step, each of some steps one after the other.

A position costs one number for the best guess, two for each of the k best, and for a whole distribution the hidden
state of which it is made: the teacher's unembedding lies beside it, so that E numbers tell V.  Numbers are kept as
they were computed; ids take the smallest type that holds the vocabulary.

S steps of B rows, T positions, V vocabulary, E width of the teacher.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from dataclasses import replace
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from ....compiler.plan.model import Distribution, Target
from ..data.feed import Batch, Feed
from .teacher import Said, Teacher

SHARD = 256 << 20
"""Bytes of a shard, at most, unless a single step has more."""
_ABOUT, _UNEMBEDDING = "teacher.json", "unembedding.safetensors"
_IDS = ((1 << 8, torch.uint8), (1 << 16, torch.uint16), (1 << 32, torch.uint32))


def packed(said: Said, vocab: int) -> dict[str, Tensor]:
    """Columns by number, as they lie in a shard."""
    narrow = next(dtype for most, dtype in _IDS if vocab <= most)
    small = (one if one.is_floating_point() else one.to(narrow) for one in said)
    return {str(at): one.cpu() for at, one in enumerate(small)}


def write_about(folder: Path, teacher: Teacher) -> None:
    """What a distribution needs beside hidden states."""
    (folder / _ABOUT).write_text(json.dumps({"cap": teacher.cap, "vocab": teacher.vocab}) + "\n")
    if isinstance(teacher.target, Distribution):
        save_file({"unembedding": teacher.unembedding.detach().cpu().contiguous()}, folder / _UNEMBEDDING)


def write_shard(folder: Path, first: int, columns: dict[str, Tensor]) -> None:
    """Columns [S * B, T, …] of the steps from `first` on."""
    save_file(columns, folder / f"targets-{first:08}.safetensors")


class Cache:
    """A source whose batches carry what it says: those of the feed that `carried` returns."""

    def __init__(self, folder: Path, target: Target) -> None:
        self._shards = sorted(folder.glob("targets-*.safetensors"))
        self._firsts = [int(path.stem.removeprefix("targets-")) for path in self._shards]
        about = json.loads((folder / _ABOUT).read_bytes())
        self.cap: float | None = about["cap"]
        self.vocab: int = about["vocab"]
        self.unembedding = (
            _mapped(folder / _UNEMBEDDING)["unembedding"]
            if isinstance(target, Distribution)
            else torch.empty(0)
        )
        self._open: tuple[int, dict[str, Tensor]] | None = None

    def says(self, batch: Batch) -> Said:
        return tuple(one if one.is_floating_point() else one.to(torch.int64) for one in batch.beside)

    def rows(self, step: int, sequences: int) -> Said:
        """The rows of a step, of so many sequences as every step of its shard."""
        place = bisect_right(self._firsts, step) - 1
        if self._open is None or self._open[0] != place:
            self._open = place, _mapped(self._shards[place])
        start = (step - self._firsts[place]) * sequences
        columns = self._open[1]
        return tuple(columns[name][start : start + sequences] for name in sorted(columns))


class Carried:
    """A feed whose batches carry what a teacher said of them."""

    def __init__(self, feed: Feed, cache: Cache) -> None:
        self._feed, self._cache = feed, cache
        self.drawn, self.state, self.load = feed.drawn, feed.state, feed.load

    def batch(self, step: int) -> Batch:
        batch = self._feed.batch(step)
        return replace(batch, beside=self._cache.rows(step, batch.tokens_BT.shape[0]))


def _mapped(path: Path) -> dict[str, Tensor]:
    """A file's tensors, whose pages are read when they are asked for."""
    with safe_open(path, framework="pt") as file:
        return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (it is no dict)
