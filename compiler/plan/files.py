"""Files of the user's as a plan remembers them: enough to tell that they are not what they were.

A mark is a file's size and a digest of its first and last 64 KiB, so that planning
over terabytes stays quick.  The compiler writes marks into the plan; the stage that
reads the files compares them, and opens the files through the same door.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from glob import glob
from pathlib import Path
from typing import Any, BinaryIO, cast

from .model import File, Plan, Template

_ENDS = 64 * 1024


def file(path: str, root: Path = Path()) -> File:
    """A file, or a folder with all that is in it, by its path below the working folder."""
    place = root / path
    inside = sorted(one for one in place.rglob("*") if one.is_file()) if place.is_dir() else [place]
    return File(path=path, digest=_digest(inside, place.parent))


def matching(pattern: str, root: Path = Path()) -> dict[str, str]:
    """The files that a pattern matches in the order of their names, with their marks; "" is an unreadable one."""
    found = sorted({Path(one).as_posix() for one in glob(pattern, root_dir=root, recursive=True)})
    return {name: _mark(name, root) for name in found if not (root / name).is_dir()}


def differing(planned: Mapping[str, str], here: Mapping[str, str]) -> list[str]:
    """Names of the files that are gone, new or not what they were."""
    return sorted(name for name in {*planned, *here} if planned.get(name) != here.get(name))


def template(path: str, stop: tuple[str, ...] = ()) -> Template:
    """A template with its text, so that the plan alone is enough."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        text = None
    return Template(path=path, text=text, stop=stop)


def moved(plan: Plan) -> list[str]:
    """Files of a plan that are no longer what they were when it was made."""
    found: set[str] = set()
    for table in (table for step in plan.steps for table in _tables(step.work.model_dump())):
        if "digest" in table and "path" in table and file(table["path"]).digest != table["digest"]:
            found.add(table["path"])
        if "pattern" in table and "files" in table:
            found.update(differing(table["files"], matching(table["pattern"])))
    return sorted(found)


def opened(name: str, root: Path = Path()) -> BinaryIO:
    """A regular file below `root`, to read.  A link inside may lead anywhere inside, and nowhere else.

    Every folder on the way is opened without following links, so that nothing can be swapped in between.
    """
    whole = Path(os.path.realpath(root))
    inside = Path(os.path.realpath(whole / name))
    if not inside.is_relative_to(whole):
        raise PermissionError(f"{name} leads out of the working folder")
    *folders, last = inside.relative_to(whole).parts or (".",)
    place = os.open(whole, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for folder in folders:
            outer, place = place, os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=place)
            os.close(outer)
        found = os.open(last, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=place)
    finally:
        os.close(place)
    if not stat.S_ISREG(os.fstat(found).st_mode):
        os.close(found)
        raise PermissionError(f"{name} is no file")
    return os.fdopen(found, "rb")


def _mark(name: str, root: Path) -> str:
    try:
        with opened(name, root) as stream:
            size, ends = _ends(stream)
    except (OSError, ValueError):
        return ""
    return f"{size} bytes sha256:{hashlib.sha256(ends).hexdigest()[:16]}"


def _tables(value: Any) -> Iterator[dict[str, Any]]:
    """Every object inside some work."""
    if isinstance(value, dict):
        inside = cast("dict[str, Any]", value)
        yield inside
        value = tuple(inside.values())
    if isinstance(value, tuple | list):
        for item in cast("list[Any]", value):
            yield from _tables(item)


def _digest(files: Iterable[Path], root: Path) -> str:
    total, count = hashlib.sha256(), 0
    for path in files:
        try:
            with path.open("rb") as stream:
                size, ends = _ends(stream)
        except OSError:
            continue
        total.update(f"{path.relative_to(root).as_posix()}\0{size}\0".encode())
        total.update(ends)
        count += 1
    return total.hexdigest() if count else ""


def _ends(stream: BinaryIO) -> tuple[int, bytes]:
    """The size of a file, and how it begins and ends."""
    size = os.fstat(stream.fileno()).st_size
    ends = stream.read(_ENDS)
    stream.seek(max(0, size - _ENDS))
    return size, ends + stream.read(_ENDS)
