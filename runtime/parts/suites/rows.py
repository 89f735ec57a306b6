"""Questions in files of the user's: JSON lines, plain or gzipped, every row checked where it stands."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from ....compiler.plan.files import opened
from ....compiler.plan.model import File
from ...errors import StageError

Row = TypeVar("Row")
_LONGEST = 1 << 24  # bytes of a line: a question of 16 MiB is none


class Fault(Exception):
    """Why a row is none."""


def read(file: File, root: Path, parse: Callable[[dict[str, Any]], Row], wanted: str) -> list[Row]:
    """Every row of a file below `root` as `parse` has it; the first that it refuses is a letter with its line.

    `wanted` shows what a row looks like.
    """
    rows: list[Row] = []
    for number, line in enumerate(_lines(file, root), start=1):
        try:
            if line.strip():
                rows.append(parse(_object(line)))
        except Fault as fault:
            raise _letter(file, number, str(fault), wanted) from None
    if not rows:
        raise _letter(file, 1, "there is no row in it", wanted)
    return rows


def text(row: dict[str, Any], *names: str) -> str:
    """The text under the first of these names that the row has."""
    for name in names:
        if name in row:
            if isinstance(row[name], str) and row[name]:
                return row[name]
            raise Fault(f"`{name}` is not a text")
    raise Fault(f"there is no `{names[0]}` in it")


def _lines(file: File, root: Path) -> Iterator[bytes]:
    try:
        with opened(file.path, root) as plain:
            stream = gzip.GzipFile(fileobj=plain) if file.path.endswith(".gz") else plain
            while line := stream.readline(_LONGEST):
                yield line
    except (OSError, EOFError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        help = ("put the file there, or name another one in the spec",)
        raise StageError(
            "RUN140", "source-missing", f"{file.path} cannot be read: {reason.lower()}", help=help
        ) from None


def _object(line: bytes) -> dict[str, Any]:
    if len(line) == _LONGEST:
        raise Fault(f"the line is longer than {_LONGEST >> 20} MiB")
    try:
        found = json.loads(line)
    except UnicodeDecodeError:
        raise Fault("the line is not UTF-8") from None
    except (ValueError, RecursionError):
        raise Fault("the line is not JSON") from None
    if not isinstance(found, dict):
        raise Fault("the line is not an object")
    return found


def _letter(file: File, line: int, fault: str, wanted: str) -> StageError:
    return StageError(
        "RUN151", "bad-question", f"{file.path}:{line}: {fault}", help=(f"a row looks like this: {wanted}",)
    )
