"""One process per run folder: an flock, with its holder's name in the file."""

from __future__ import annotations

import fcntl
import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..errors import Refusal

NAME = "lock"


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a run folder; raises Refusal with the holder's name where another process does.

    The lock dies with its process.  The descriptor is not inherited, so a child that
    survives does not keep it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder / NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise _refusal(folder) from None
        os.ftruncate(descriptor, 0)
        now = datetime.now(UTC).isoformat(timespec="seconds")
        holder = {"pid": os.getpid(), "host": socket.gethostname(), "since": now}
        os.pwrite(descriptor, json.dumps(holder).encode(), 0)
        yield
    finally:
        os.close(descriptor)


def is_held(folder: Path) -> bool:
    """Whether a process of this machine holds a run folder now."""
    try:
        descriptor = os.open(folder / NAME, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _refusal(folder: Path) -> Refusal:
    holder = _holder(folder)
    who = (
        f"process {holder['pid']} on {holder['host']}, since {holder['since']}"
        if holder
        else "another process"
    )
    return Refusal(
        "RUN102",
        "run-folder-locked",
        f"{folder} is in use by {who}",
        help=("wait for it, or look at it with `lehr status`",),
    )


def _holder(folder: Path) -> dict[str, Any] | None:
    try:
        holder = json.loads((folder / NAME).read_bytes())
    except (OSError, ValueError):
        return None
    return holder if isinstance(holder, dict) and {"pid", "host", "since"} <= holder.keys() else None
