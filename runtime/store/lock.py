"""One process per run folder: an flock, with its holder's name in the file.

Temporary folders of a store are marked in the same way, without a name: see `claim`.
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..errors import Refusal
from .atomic import make_folder

NAME = "lock"
_TRIES, _PAUSE = 5, 0.02
"""`lehr status` looks at the lock by taking it for an instant; that must not refuse a run."""

_LONGEST_PAUSE = 0.5

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


@contextmanager
def alone(path: Path, waiting: Callable[[str], None]) -> Iterator[None]:
    """Hold a file, once whoever holds it now is done or dead.

    `waiting` is told who that is, again and again, and may raise.  The file goes with its holder; where the
    file system knows no locks, nothing is held.
    """
    descriptor, pause = None, _PAUSE
    while descriptor is None:
        descriptor, is_held = _try(path)
        if not is_held:
            break
        if descriptor is None:
            waiting(_who(_read(path)))
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)
    try:
        yield
    finally:
        if descriptor is not None:
            path.unlink(missing_ok=True)
            release(descriptor)


def _try(path: Path) -> tuple[int | None, bool]:
    """The file's descriptor where we hold it now; and whether it can be held at all."""
    descriptor = _open(path, os.O_RDWR | os.O_CREAT)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        is_ours = os.path.samestat(os.fstat(descriptor), os.stat(path))  # else its holder has just removed it
    except FileNotFoundError:
        is_ours = False
    except OSError as error:
        release(descriptor)
        return None, isinstance(error, BlockingIOError)
    if not is_ours:
        release(descriptor)
        return None, True
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, json.dumps(_ourselves()).encode(), 0)
    return descriptor, True


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


def _who(holder: dict[str, Any] | None) -> str:
    if holder is None:
        return "another process"
    return f"process {holder['pid']} on {holder['host']}, since {holder['since']}"


def _refusal(folder: Path) -> Refusal:
    return Refusal(
        "RUN102",
        "run-folder-locked",
        f"{folder} is in use by {_who(_read(folder / NAME))}",
        help=("wait for it, or look at it with `lehr status`",),
    )


def _read(path: Path) -> dict[str, Any] | None:
    try:
        holder = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return holder if isinstance(holder, dict) and {"pid", "host", "since"} <= holder.keys() else None
