"""One process per run folder: an flock, with its holder's name in the file.

Temporary folders of a store are marked in the same way, without a name: see `claim`.
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..errors import Refusal
from .atomic import make_folder

NAME = "lock"
_TRIES, _PAUSE = 5, 0.02
"""`lehr status` looks at the lock by taking it for an instant; that must not refuse a run."""

_ours: set[int] = set()


def _let_go() -> None:
    """A forked child that outlives us must not keep what we held."""
    for descriptor in _ours:
        os.close(descriptor)
    _ours.clear()


os.register_at_fork(after_in_child=_let_go)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a run folder; raises Refusal with the holder's name where another process does.

    The lock dies with its process, and neither a forked nor a started child keeps it.
    """
    make_folder(folder)
    descriptor = _open(folder / NAME, os.O_RDWR | os.O_CREAT)
    try:
        if not _take(descriptor):
            raise _refusal(folder)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps(_ourselves()).encode(), 0)
        yield
    finally:
        release(descriptor)


def claim(folder: Path) -> int:
    """Mark a folder as in use by this process, until `release`; raises OSError where another uses it."""
    descriptor = _open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        release(descriptor)
        raise
    return descriptor


def release(descriptor: int) -> None:
    _ours.discard(descriptor)
    os.close(descriptor)


def is_held(folder: Path) -> bool:
    """Whether a process of this machine holds a run folder now."""
    try:
        descriptor = _open(folder / NAME, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError as error:
        return isinstance(error, BlockingIOError)
    finally:
        release(descriptor)
    return False


def _open(path: Path, flags: int) -> int:
    descriptor = os.open(path, flags | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
    _ours.add(descriptor)
    return descriptor


def _take(descriptor: int) -> bool:
    for attempt in range(_TRIES):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            time.sleep(_PAUSE if attempt + 1 < _TRIES else 0)
    return False


def _ourselves() -> dict[str, Any]:
    since = datetime.now(UTC).isoformat(timespec="seconds")
    return {"pid": os.getpid(), "host": socket.gethostname(), "since": since}


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
