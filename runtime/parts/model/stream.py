"""A safetensors file written as its numbers come, so that no model has to be in memory.

The format has its header first, which names every tensor and its bytes
(https://huggingface.co/docs/safetensors); so shapes are said before, and numbers follow in the order of the names.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from math import prod
from pathlib import Path

from torch import Tensor

_WIDTH = 4
_ALIGNED = 8


def write_stream(path: Path, shapes: Mapping[str, tuple[int, ...]], tiles: Iterable[Tensor]) -> None:
    """Write fp32 tensors, given as flat pieces that run through all of them in the order of their names.

    The file is the one that safetensors itself would write.
    """
    with path.open("xb") as file:
        end = file.write(_header(shapes)) + _WIDTH * sum(map(prod, shapes.values()))
        for tile in tiles:
            file.write(tile.numpy().data)
        assert file.tell() == end, f"{path} has {file.tell()} bytes, where {end} were promised"


def _header(shapes: Mapping[str, tuple[int, ...]]) -> bytes:
    """The length of the header, and the header, padded so that tensors are aligned."""
    told: dict[str, object] = {"__metadata__": {"format": "pt"}}
    end = 0
    for name in sorted(shapes):
        start, end = end, end + _WIDTH * prod(shapes[name])
        told[name] = {"dtype": "F32", "shape": list(shapes[name]), "data_offsets": [start, end]}
    text = json.dumps(told, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % _ALIGNED)
    return len(text).to_bytes(8, "little") + text
