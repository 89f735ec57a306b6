"""A program in a process of its own, with limits on its time and its memory.

The limits keep a mistake from taking the machine; they are no wall against malice: the program has the rights of
whoever runs Lehr.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import IO

_OUTPUT = 64 << 20
"""Bytes that a child may write into a file, its answer included."""
_TAIL = 2000
_TICK = 0.05
_UNDER = """\
import os, resource, sys
seconds, memory, size = map(int, sys.argv[1:4])
limits = (("CPU", seconds), ("AS", memory), ("FSIZE", size), ("CORE", 0))
for name, most in limits:
    kind = getattr(resource, "RLIMIT_" + name)
    hard = resource.getrlimit(kind)[1]
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(kind, (most, most))
try:
    os.execvp(sys.argv[4], sys.argv[4:])
except OSError as error:
    sys.exit("cannot be started: " + (error.strerror or str(error)).lower())
"""


class Failed(Exception):
    """How a child ended that did not do what it should; the last of what it said beside it."""

    def __init__(self, why: str, said: str = "") -> None:
        super().__init__(why)
        self.said = said


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds of the clock and of the processor, and bytes of memory."""

    seconds: float = 60.0
    memory: int = 1 << 30


def ran(
    command: Sequence[str],
    said: bytes,
    limits: Limits,
    folder: Path,
    stopping: Callable[[], bool] = lambda: False,
) -> bytes:
    """What a program answers to what it is told; raises Failed, and leaves no process of its group behind.

    It works in `folder`, with a bare environment.
    """
    with tempfile.TemporaryFile() as told, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        told.write(said)
        told.seek(0)
        process = subprocess.Popen(
            [*_limited(limits), *command],
            stdin=told,
            stdout=out,
            stderr=err,
            cwd=folder,
            env=_environment(),
            start_new_session=True,
        )
        try:
            code = _waited(process, limits.seconds, stopping)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        if code is None:
            raise Failed(f"took longer than {limits.seconds:g} seconds", _tail(err))
        if code:
            raise Failed(_ended(code), _tail(err))
        out.seek(0)
        return out.read(_OUTPUT + 1)


def _waited(process: subprocess.Popen[bytes], seconds: float, stopping: Callable[[], bool]) -> int | None:
    """The exit status; None where time was up or somebody asked to stop."""
    due = monotonic() + seconds
    while True:
        with suppress(subprocess.TimeoutExpired):
            return process.wait(_TICK)
        if monotonic() > due or stopping():
            return None


def _limited(limits: Limits) -> list[str]:
    """What sets the limits and then becomes the program: nothing of ours runs between a fork and the new one."""
    seconds = max(1, round(limits.seconds))
    return [sys.executable, "-I", "-S", "-c", _UNDER, str(seconds), str(limits.memory), str(_OUTPUT)]


def _environment() -> dict[str, str]:
    kept = ("PATH", "LANG", "LC_ALL", "TMPDIR", "VIRTUAL_ENV")
    return {name: os.environ[name] for name in kept if name in os.environ} | {
        "HOME": tempfile.gettempdir(),
        "PYTHONIOENCODING": "utf-8",
        "PYTHONDONTWRITEBYTECODE": "1",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }


def _ended(code: int) -> str:
    if code > 0:
        return f"ended with status {code}"
    told = {signal.SIGXCPU: "used up its time on the processor", signal.SIGXFSZ: "wrote too much"}
    return told.get(signal.Signals(-code), f"was ended by {signal.Signals(-code).name}")


def _tail(stream: IO[bytes]) -> str:
    size = stream.seek(0, os.SEEK_END)
    stream.seek(max(0, size - _TAIL))
    return stream.read().decode(errors="replace").strip()
