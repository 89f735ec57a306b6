"""JSON files of a model's folder: `parts.door` with bounds on size and depth, an object at the top, and a letter."""

from __future__ import annotations

import re
from itertools import accumulate
from pathlib import Path
from typing import Any

from ...errors import StageError
from ..door import decoded

LARGEST = 16 << 20
"""Bytes.  The index of Llama 3.1 405B takes 0.1 MB."""
DEEPEST = 32

_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_BRACKET = re.compile(rb"[\[\]{}]")


def read_json(path: Path, largest: int = LARGEST) -> dict[str, Any]:
    """The object in a file, or a letter that says what is wrong with it."""
    try:
        size = path.stat().st_size
        content = path.read_bytes() if size <= largest else b""
    except OSError as error:
        raise _refused(path, f"cannot be read, {(error.strerror or str(error)).lower()}") from None
    if size > largest:
        raise _refused(path, f"has {size:,} bytes, where {largest:,} are the most".replace(",", " "))
    return parse(content, path)


def parse(content: bytes, path: Path) -> dict[str, Any]:
    """The same for bytes that were read already; `path` is named in the letter."""
    deepest = depth(content)
    if deepest > DEEPEST:
        raise _refused(path, f"is nested {deepest} deep, where {DEEPEST} is the most")
    try:
        found = decoded(content, most=len(content))
    except ValueError as error:
        raise _refused(path, str(error)) from None
    if not isinstance(found, dict):
        raise _refused(path, "is no object")
    return found


def depth(content: bytes) -> int:
    """How deep brackets nest outside strings; nothing is built, so nothing can overflow."""
    steps = (1 if one in b"[{" else -1 for one in _BRACKET.findall(_STRING.sub(b"", content)))
    return max(accumulate(steps), default=0)


def _refused(path: Path, why: str) -> StageError:
    return StageError(
        "RUN121",
        "json-refused",
        f"{path} is not JSON that can be trusted: it {why}",
        help=("fetch the file again, or correct it",),
    )
