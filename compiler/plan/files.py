"""Files of the user's as a plan remembers them: enough to tell that they are not what they were.

A digest covers every file's path below the pattern, its size, and its first and
last 64 KiB, so that planning over terabytes stays quick.  What a stage reads it
hashes whole.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from glob import glob
from pathlib import Path
from typing import Any, cast

from .model import File, Plan, Template

_ENDS = 64 * 1024


def file(path: str) -> File:
    """A file, or a folder with all that is in it, by its path below the working folder."""
    place = Path(path)
    inside = sorted(one for one in place.rglob("*") if one.is_file()) if place.is_dir() else [place]
    return File(path=path, digest=_digest(inside, place.parent))


def matching(pattern: str) -> str:
    """The digest of the files that a pattern matches; empty where there are none."""
    found = sorted(Path(one) for one in glob(pattern, recursive=True))
    return _digest((one for one in found if one.is_file()), Path())


def template(path: str, stop: tuple[str, ...] = ()) -> Template:
    """A template with its text, so that the plan alone is enough."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        text = None
    return Template(path=path, text=text, stop=stop)


def moved(plan: Plan) -> list[str]:
    """Paths and patterns of a plan whose files are no longer what they were when it was made."""
    seen = {found for step in plan.steps for found in _digests(step.work.model_dump())}
    return sorted(name for name, digest in seen if digest not in (file(name).digest, matching(name)))


def _digests(value: Any) -> Iterator[tuple[str, str]]:
    """The path or pattern of every digest in some work."""
    if isinstance(value, dict):
        inside = cast("dict[str, Any]", value)
        if "digest" in inside:
            yield inside.get("path") or inside["pattern"], inside["digest"]
        for item in inside.values():
            yield from _digests(item)
    elif isinstance(value, tuple | list):
        for item in cast("list[Any]", value):
            yield from _digests(item)


def _digest(files: Iterable[Path], root: Path) -> str:
    total, count = hashlib.sha256(), 0
    for path in files:
        try:
            with path.open("rb") as stream:
                size = path.stat().st_size
                ends = stream.read(_ENDS)
                stream.seek(max(0, size - _ENDS))
                ends += stream.read(_ENDS)
        except OSError:
            continue
        total.update(
            f"{path.relative_to(root).as_posix() if root != Path() else path.as_posix()}\0{size}\0".encode()
        )
        total.update(ends)
        count += 1
    return total.hexdigest() if count else ""
