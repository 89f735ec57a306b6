"""The models that go into a merge: compared first, then read tile by tile.

What the folders say of themselves is compared before a number is read: one shape, the same tensors.  A tile
is so small that it stays in a core's cache, and no tensor is ever whole in memory.  `mixing` and `sparse` work
on the tiles.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from io import FileIO
from math import prod
from pathlib import Path

import torch
from torch import Tensor

from ....compiler.plan.model import Arch
from ...errors import StageError
from ..model.decoder import Decoder
from ..model.files import SHAPE, WEIGHTS
from ..model.headers import Held, header
from ..model.names import in_files
from ..model.unlike import differing
from ..model.weights import compare, not_finite

TILE = 1 << 16
"""Numbers of a tile: 256 KiB of each model.  Larger ones leave the second-level cache, smaller ones cost calls."""


@dataclass(frozen=True, slots=True)
class Source:
    """A model that goes into a merge, as the plan calls it, and where each of its tensors lies."""

    name: str
    arch: Arch
    held: Mapping[str, Held]


def opened(folders: Sequence[tuple[str, Path]]) -> list[Source]:
    """The models in these folders, which have one shape and the same tensors; a letter where they have not.

    Tensors that a shape does not know, such as the head of a judge, are merged where every model has them.
    """
    archs = [Arch.model_validate_json((folder / SHAPE).read_bytes()) for _, folder in folders]
    for (name, _), arch in zip(folders, archs, strict=True):
        unlike = [one for one in differing(archs[0], arch) if one[0] != "rope"]
        if unlike:  # the base of the rotation is no weight; the merged model takes the first one's
            raise _unlike(folders[0][0], name, unlike)
    sources = [
        Source(name, arch, header(folder / WEIGHTS))
        for (name, folder), arch in zip(folders, archs, strict=True)
    ]
    shapes = {name: one.shape for name, one in sources[0].held.items()}
    shapes |= {name: tuple(place.shape) for name, place in in_files(Decoder.empty(archs[0], "meta")).items()}
    for source in sources:
        compare(shapes, source.held, f"`{source.name}`", ("F32",))
    return sources


def tiles(sources: Sequence[Source], name: str, at_once: int = 1) -> Iterator[list[Tensor]]:
    """A tensor of all models in flat pieces, which may be written into; each is good until the next is asked for."""
    held = [source.held[name] for source in sources]
    buffers = [torch.empty(TILE * at_once) for _ in sources]
    left = prod(held[0].shape)
    with ExitStack() as stack:
        files = [stack.enter_context(one.file.open("rb", buffering=0)) for one in held]
        for file, one in zip(files, held, strict=True):
            file.seek(one.start)
        while left:
            pieces = [buffer[:left] for buffer in buffers]
            for source, file, piece in zip(sources, files, pieces, strict=True):
                _read(file, piece)
                # Ten times faster than a look at every number; a sum that overflowed is looked at.
                if not piece.sum().isfinite() and not piece.isfinite().all():
                    raise not_finite(f"`{source.name}`", name)
            yield pieces
            left -= len(pieces[0])


def _read(file: FileIO, into: Tensor) -> None:
    """Fill a tensor; what is read is not mapped, so that a file which shrinks is an error and no fault of the bus."""
    bytes_ = into.numpy().data.cast("B")
    while bytes_:
        got = file.readinto(bytes_)
        if not got:
            headline = f"{file.name} is damaged: it ends within a tensor"
            raise StageError("RUN124", "weights-damaged", headline)
        bytes_ = bytes_[got:]


def _unlike(first: str, name: str, unlike: Sequence[tuple[str, object, object]]) -> StageError:
    return StageError(
        "RUN180",
        "merge-unlike-shapes",
        f"`{name}` cannot be merged with `{first}`: they are models of two shapes",
        notes=tuple(f"{setting}: {one} in `{first}`, {other} in `{name}`" for setting, one, other in unlike),
        help=("weights are put together tensor by tensor: begin both from models of one `arch`",),
    )
