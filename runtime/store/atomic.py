"""Files that are whole or absent, whatever happens.

Write beside the target, sync, rename into place, sync the folder.  A failed
sync is final: the kernel may have dropped the page, so it is never tried again.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

from .faults import fault_point

TEMPORARY = ".lehr-tmp-"


def write_bytes(path: Path, content: bytes) -> None:
    """Put `content` at `path`, replacing what stood there; where that fails, nothing is changed."""
    temporary = path.with_name(f"{TEMPORARY}{uuid4().hex}")
    try:
        with temporary.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        fault_point(f"replace:{path.name}")
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def write_json(path: Path, document: Any) -> None:
    write_bytes(path, (json.dumps(document, indent=2, sort_keys=True, allow_nan=False) + "\n").encode())


def sync_file(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder last."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_folder(folder: Path) -> None:
    """Make a folder and its parents so that their names last."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    sync_folder(folder.parent)


@contextmanager
def new_folder(target: Path) -> Iterator[Path]:
    """A folder to fill, which becomes `target` when all went well; files are synced first."""
    make_folder(target.absolute().parent)
    fresh = target.with_name(f"{TEMPORARY}{uuid4().hex}")
    fresh.mkdir()
    try:
        yield fresh
        for path in fresh.rglob("*"):
            (sync_folder if path.is_dir() else sync_file)(path)
        sync_folder(fresh)
        fresh.rename(target)
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        raise
    sync_folder(target.absolute().parent)


def remove_folder(folder: Path) -> None:
    """Remove a folder that others may look for: it is gone at once, and never there in part."""
    doomed = folder.with_name(f"{TEMPORARY}{uuid4().hex}")
    folder.rename(doomed)
    shutil.rmtree(doomed)


def sweep(folder: Path) -> None:
    """Remove what writers that are gone have left in a folder; its lock must be held."""
    for path in folder.glob(f"{TEMPORARY}*"):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
