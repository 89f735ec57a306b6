"""The one door for JSON that others wrote: bounded in size and depth, no key twice, no NaN, an object at the top."""

from __future__ import annotations

import json
import re
from itertools import accumulate
from pathlib import Path
from typing import Any, NoReturn

from ...errors import StageError

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
        raise _refused(path, (error.strerror or str(error)).lower()) from None
    if size > largest:
        raise _refused(path, f"{size:,} bytes, where {largest:,} are the most".replace(",", " "))
    return parse(content, path)


def parse(content: bytes, path: Path) -> dict[str, Any]:
    """The same for bytes that were read already; `path` is named in the letter."""
    deepest = depth(content)
    if deepest > DEEPEST:
        raise _refused(path, f"nested {deepest} deep, where {DEEPEST} is the most")
    try:
        found = json.loads(content, object_pairs_hook=_once, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise _refused(path, str(error)) from None
    if not isinstance(found, dict):
        raise _refused(path, "not an object")
    return found


def depth(content: bytes) -> int:
    """How deep brackets nest outside strings; nothing is built, so nothing can overflow."""
    steps = (1 if one in b"[{" else -1 for one in _BRACKET.findall(_STRING.sub(b"", content)))
    return max(accumulate(steps), default=0)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"{next(name for name in names if names.count(name) > 1)!r} stands twice")
    return found


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")


def _refused(path: Path, why: str) -> StageError:
    return StageError(
        "RUN121",
        "json-refused",
        f"{path} is not JSON that can be trusted: {why}",
        help=("fetch the file again, or correct it",),
    )
