"""Weights out of a folder into a model, and out of a model into shards.

What a folder holds is compared with what the model has before a number is read;
then tensor by tensor goes from the mapped file to its place, so that a large model
never exists twice.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from ...errors import StageError
from .decoder import Decoder
from .headers import INDEX, SINGLE, Held, headers
from .names import in_files, is_stacked, stacked

SHARD = 5_000_000_000
"""Bytes of one file at most, unless a single tensor is larger."""
FLOATS = ("F32", "F16", "BF16")
"""What can be read as fp32."""
HEADS = ("score.", "grades.")
"""How the tensors of a judge's heads begin; whoever wants the decoder alone passes over them."""
_SHOWN = 8
_IGNORED = "rotary_emb.inv_freq"
"""A buffer that old Llama folders carry; it follows from the config."""


@torch.no_grad()
def fill(model: Decoder, folder: Path, dtypes: tuple[str, ...] = FLOATS, *, heads: bool = True) -> None:
    """Copy a folder's weights into a model, as fp32; what does not fit, or is not finite, is refused.

    A head that only the folder has is left there; with `heads` off, one that only the model has stays as it is.
    """
    held = {name: one for name, one in headers(folder).items() if not name.endswith(_IGNORED)}
    places = stacked(model) if any(map(is_stacked, held)) else in_files(model)
    held = {name: one for name, one in held.items() if name in places or not name.startswith(HEADS)}
    if not heads:
        places = {name: one for name, one in places.items() if name in held or not name.startswith(HEADS)}
    twin = held.pop("lm_head.weight", None) if model.arch.tied else None
    compare({name: tuple(place.shape) for name, place in places.items()}, held, folder, dtypes)
    for name, tensor in _tensors(held):
        if not tensor.isfinite().all():
            bad = int((~tensor.isfinite()).sum())
            raise not_finite(f"{folder}", name, f"{bad} of {tensor.numel()} numbers")
        places[name].copy_(tensor)
    if twin:
        _same(model, twin, folder)


def compare(
    wanted: Mapping[str, tuple[int, ...]],
    held: Mapping[str, Held],
    where: Path | str,
    dtypes: tuple[str, ...],
) -> None:
    """A letter that lists the tensors of a folder that are not those of the model."""
    notes: list[str] = []
    for name in sorted(wanted.keys() | held.keys()):
        one = held.get(name)
        if one is None:
            notes.append(f"{name}: wanted {list(wanted[name])}, not there")
        elif name not in wanted:
            notes.append(f"{name}: found {list(one.shape)}, the model has none of that name")
        elif one.shape != wanted[name]:
            notes.append(f"{name}: wanted {list(wanted[name])}, found {list(one.shape)}")
        elif one.dtype not in dtypes:
            notes.append(f"{name}: found {one.dtype}, where {', '.join(dtypes)} can be read")
    if notes:
        more = (f"and {len(notes) - _SHOWN} more",) if len(notes) > _SHOWN else ()
        headline = f"{where} does not hold the tensors that its model has: {len(notes)} differ"
        raise StageError("RUN109", "tensors-differ", headline, notes=(*notes[:_SHOWN], *more))


def write(model: Decoder, folder: Path, largest: int = SHARD) -> list[str]:
    """Shards of a model's weights with their index; one file needs none.  Gives the names of the files."""
    shards = list(_shards(in_files(model), largest))
    if len(shards) == 1:
        save_file(shards[0], folder / SINGLE, metadata={"format": "pt"})
        return [SINGLE]
    names = [f"model-{at:05}-of-{len(shards):05}.safetensors" for at in range(1, len(shards) + 1)]
    for name, shard in zip(names, shards, strict=True):
        save_file(shard, folder / name, metadata={"format": "pt"})
    where = {tensor: name for name, shard in zip(names, shards, strict=True) for tensor in shard}
    index = {"metadata": {"total_size": sum(map(_bytes, in_files(model).values()))}, "weight_map": where}
    (folder / INDEX).write_text(json.dumps(index, indent=2) + "\n")
    return [*names, INDEX]


def _shards(tensors: Mapping[str, Tensor], largest: int) -> Iterator[dict[str, Tensor]]:
    shard: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        if shard and sum(map(_bytes, shard.values())) + _bytes(tensor) > largest:
            yield shard
            shard = {}
        shard[name] = tensor
    yield shard


def _bytes(tensor: Tensor) -> int:
    return tensor.numel() * tensor.element_size()


def _tensors(held: Mapping[str, Held]) -> Iterator[tuple[str, Tensor]]:
    """Each tensor, file by file."""
    for path in sorted({one.file for one in held.values()}):
        with safe_open(path, "pt") as file:
            for name in (name for name, one in held.items() if one.file == path):
                yield name, file.get_tensor(name)


@contextmanager
def mapped(path: Path, model: str) -> Iterator[Callable[[str], Tensor]]:
    """A file's tensors by name, mapped and not read; one that is not finite is a letter about `model`."""
    with safe_open(path, "pt") as file:

        def read(name: str) -> Tensor:
            tensor = file.get_tensor(name)
            if not tensor.isfinite().all():
                raise not_finite(model, name)
            return tensor

        yield read


def _same(model: Decoder, twin: Held, folder: Path) -> None:
    """A tied model's folder may hold the unembedding as well, if it is the embedding."""
    _, tensor = next(_tensors({"lm_head.weight": twin}))
    if not torch.equal(tensor.float(), model.unembedding):
        note = "lm_head.weight: its numbers are not those of model.embed_tokens.weight, to which it is tied"
        headline = f"{folder} does not hold the tensors that its model has: 1 differs"
        raise StageError("RUN109", "tensors-differ", headline, notes=(note,))


def not_finite(model: str, name: str, bad: str = "numbers") -> StageError:
    return StageError(
        "RUN125",
        "weights-not-finite",
        f"{model}: `{name}` holds {bad} that are not finite",
        help=("a model with such weights computes nothing; fetch or make it anew",),
    )
