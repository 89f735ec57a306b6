"""What tensors a folder holds, told from the headers of its safetensors alone.  Needs no torch.

A header is a length of eight bytes and so much JSON; the tensors follow it, without gap or overlap
(https://huggingface.co/docs/safetensors).  A file is believed only where all of that adds up.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, cast

from ...errors import StageError
from .door import parse, read_json

SINGLE, INDEX = "model.safetensors", "model.safetensors.index.json"
_LARGEST = 100_000_000
"""Bytes of a header, as safetensors itself bounds it."""
_SIZES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U8": 1, "BOOL": 1}


@dataclass(frozen=True, slots=True)
class Held:
    """A tensor in a file."""

    file: Path
    shape: tuple[int, ...]
    dtype: str
    start: int
    """Its first byte in the file."""


def headers(folder: Path) -> dict[str, Held]:
    """Every tensor of a folder by name; each file is named by the index, or is the only one."""
    if (folder / INDEX).is_file():
        return _by_index(folder)
    if (folder / SINGLE).is_file():
        return header(folder / SINGLE)
    pickled = any(folder.glob("*.bin")) or any(folder.glob("*.pt*"))
    why = "its weights are pickled, and no pickle is opened" if pickled else f"it has no `{SINGLE}`"
    raise StageError(
        "RUN120",
        "no-model-folder",
        f"{folder} is not the Hugging Face folder of a model: {why}",
        help=("convert the weights to safetensors",) if pickled else (),
    )


def header(path: Path) -> dict[str, Held]:
    """Every tensor of one file."""
    with path.open("rb") as file:
        size = path.stat().st_size
        length = int.from_bytes(file.read(8), "little") if size >= 8 else -1
        if not 2 <= length <= size - 8:
            raise _damaged(
                path, f"its header claims {length:_} bytes of a file of {size:_}".replace("_", " ")
            )
        if length > _LARGEST:
            raise _damaged(path, f"its header claims {length:_} bytes".replace("_", " "))
        told = parse(file.read(length), path)
    told.pop("__metadata__", None)
    spans: list[tuple[int, int, str]] = []
    found: dict[str, Held] = {}
    for name, about in told.items():
        found[name], begin, end = _tensor(path, name, about, 8 + length)
        spans.append((begin, end, name))
    at = 0
    for begin, end, name in sorted(spans):
        if begin != at:
            raise _damaged(path, f"`{name}` begins at byte {begin}, where {at} was due")
        at = end
    if at != size - 8 - length:
        raise _damaged(path, f"it holds {size - 8 - length:_} bytes of tensors, not {at:_}".replace("_", " "))
    return found


def _tensor(path: Path, name: str, about: Any, first: int) -> tuple[Held, int, int]:
    """A tensor's entry, where its shape, dtype and bytes fit together; tensors begin at byte `first`."""
    try:
        dtype, shape, (begin, end) = about["dtype"], tuple(about["shape"]), about["data_offsets"]
        whole = all(type(one) is int and 0 <= one < 1 << 60 for one in (*shape, begin, end))
        if not whole or end - begin != prod(shape) * _SIZES[dtype]:
            raise ValueError
    except (KeyError, TypeError, ValueError):
        raise _damaged(path, f"the header's entry of `{name}` does not add up") from None
    return Held(path, shape, dtype, first + begin), begin, end


def _by_index(folder: Path) -> dict[str, Held]:
    where = read_json(folder / INDEX).get("weight_map")
    if not isinstance(where, dict) or not where:
        raise _index(folder, "it has no `weight_map`")
    weight_map = cast("dict[str, Any]", where)
    found: dict[str, Held] = {}
    for name in sorted({str(one) for one in weight_map.values()}):
        if Path(name).name != name or not name.endswith(".safetensors"):
            raise _index(folder, f"{name!r} is not the name of a safetensors file beside it")
        if not (folder / name).is_file():
            raise StageError(
                "RUN123",
                "shard-missing",
                f"{folder / name} is missing, which {INDEX} names",
                help=("fetch the folder again, whole",),
            )
        found |= header(folder / name)
    stray = sorted(
        name for name, file in weight_map.items() if name not in found or found[name].file.name != file
    )
    if stray:
        raise _index(folder, f"`{stray[0]}` is not in `{weight_map[stray[0]]}`")
    return found


def _index(folder: Path, why: str) -> StageError:
    return StageError("RUN124", "weights-damaged", f"{folder / INDEX} does not tell where tensors are: {why}")


def _damaged(path: Path, why: str) -> StageError:
    return StageError(
        "RUN124",
        "weights-damaged",
        f"{path} is damaged: {why}",
        help=("fetch the file again; a download that was cut off looks like this",),
    )
