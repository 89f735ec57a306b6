"""Files that are whole or absent, whatever happens.

Write beside the target, sync, rename into place, sync the folder.  A failed
sync is final: the kernel may have dropped the page, so it is never tried again.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any
from uuid import uuid4

from .faults import fault_point

TEMPORARY = ".lehr-tmp-"


def write_bytes(path: Path, content: bytes) -> None:
    """Put `content` at `path`, replacing what stood there; raises OSError and then changes nothing."""
    temporary = path.with_name(f"{TEMPORARY}{uuid4().hex}")
    try:
        with temporary.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        fault_point(f"replace:{path.name}")
        temporary.replace(path)
    except OSError:
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
