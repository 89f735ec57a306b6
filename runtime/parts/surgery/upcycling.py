"""A dense model's tensors as those of a mixture of experts, as Qwen 2 made one (arXiv:2407.10671, section 2.2.2).

The feed-forward is copied as often as the experts need hidden units.  In each copy one permutation shuffles
the units -- rows of gate and up and columns of down alike, so a copy computes what it did.  The copies end to
end are cut into the routed experts and then the shared one, what is left is dropped, and a share of every
expert's units is drawn anew, as wide as the matrix they stand in.  D width, F hidden units of the dense
feed-forward, E of an expert, V rows.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

import torch
from torch import Tensor

from ....compiler.plan.model import Arch, Experts
from ..model.decoder import Decoder
from ..model.names import in_files
from ..seeds import seed

ROUTER_STD = 0.02
"""Of a router and of the shared expert's gate: what transformers draws them with."""
_EXPERT = re.compile(
    r"(.*\.layers\.(\d+)\.mlp)\.(?:experts\.(\d+)|shared_expert)\.((?:gate|up|down)_proj\.weight)"
)
_ROUTER = re.compile(r"\.mlp\.(shared_expert_)?gate\.weight$")
_ROWS = ("model.embed_tokens.weight", "lm_head.weight")

Read = Callable[[str], Tensor]
"""A tensor of the dense model by its name."""


@dataclass(frozen=True, slots=True)
class Cut:
    """How a feed-forward of `before` hidden units is cut into experts."""

    before: int
    experts: Experts

    @property
    def needed(self) -> int:
        return self.experts.count * self.experts.ffn + self.experts.shared_ffn

    @property
    def copies(self) -> int:
        return -(-self.needed // self.before)

    @property
    def dropped(self) -> int:
        """Hidden units of the last copy that no expert gets."""
        return self.copies * self.before - self.needed

    def place(self, expert: int | None) -> slice:
        """The units of a routed expert, or of the shared one, among those of all copies."""
        if expert is None:
            return slice(self.needed - self.experts.shared_ffn, self.needed)
        return slice(expert * self.experts.ffn, (expert + 1) * self.experts.ffn)


def shapes(arch: Arch) -> dict[str, tuple[int, ...]]:
    """Of every tensor of a model's file, by name."""
    return {name: tuple(one.shape) for name, one in in_files(Decoder.empty(arch, "meta")).items()}


class Upcycled:
    """The tensors of the mixture, made one by one as they are asked for."""

    def __init__(self, read: Read, cut: Cut, arch: Arch, shuffles: bool, redraw: Fraction, rng: int) -> None:
        self.read = lru_cache(maxsize=3)(read)  # the matrices of a layer
        self.cut, self.arch = cut, arch
        self.shuffles, self.redraw, self.rng = shuffles, redraw, rng
        self.shapes = shapes(arch)
        self._units = lru_cache(maxsize=1)(self._shuffled)
        self._spread = lru_cache(maxsize=3)(lambda name: self.read(name).std(correction=0).item())

    def __iter__(self) -> Iterator[Tensor]:
        """All of them, in the order of their names."""
        return map(self.tensor, sorted(self.shapes))

    def tensor(self, name: str) -> Tensor:
        found = _EXPERT.fullmatch(name)
        if found:
            prefix, layer, expert, part = found.groups()
            return self._expert(name, int(layer), int(expert) if expert else None, f"{prefix}.{part}")
        if _ROUTER.search(name):
            return self._drawn(name, self.shapes[name], ROUTER_STD)
        return self._rows(name) if name in _ROWS else self.read(name)

    def redrawn(self, size: int) -> int:
        """How many of an expert's hidden units are drawn anew."""
        return round(self.redraw * size)

    def _expert(self, name: str, layer: int, expert: int | None, dense: str) -> Tensor:
        """Rows of a dense matrix, or its columns where it leads out of the hidden units."""
        axis = int(dense.endswith("down_proj.weight"))
        units_E = self._units(layer)[self.cut.place(expert)]
        tensor = self.read(dense).index_select(axis, units_E)
        anew = self._random(len(units_E), "redraw", layer, "shared" if expert is None else expert)
        anew = anew[: self.redrawn(len(units_E))]
        if len(anew):
            fresh = self._drawn(name, tuple(tensor.shape), self._spread(dense))
            tensor.index_copy_(axis, anew, fresh.index_select(axis, anew))
        return tensor

    def _shuffled(self, layer: int) -> Tensor:
        """Which dense unit each of the copies' units is."""
        copies = [self._random(self.cut.before, "shuffle", layer, copy) for copy in range(self.cut.copies)]
        return torch.cat(copies) if self.shuffles else torch.arange(self.cut.before).repeat(self.cut.copies)

    def _rows(self, name: str) -> Tensor:
        """An embedding, with rows cut off its end or drawn anew beyond it."""
        tensor_VD = self.read(name)[: self.arch.vocab]
        more = self.arch.vocab - len(tensor_VD)
        fresh = self._drawn(name, (more, self.arch.width), tensor_VD.std(correction=0).item())
        return torch.cat([tensor_VD, fresh]) if more else tensor_VD

    def _random(self, size: int, *purpose: str | int) -> Tensor:
        source = torch.Generator().manual_seed(seed(self.rng, "upcycle", *purpose))
        return torch.randperm(size, generator=source)

    def _drawn(self, name: str, shape: tuple[int, ...], std: float) -> Tensor:
        source = torch.Generator().manual_seed(seed(self.rng, "upcycle", name))
        return torch.empty(shape).normal_(0.0, std, generator=source)
