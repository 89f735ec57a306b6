"""`events.jsonl`: what happened in a run, one line each.  Everything on a screen is rendered from it."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..store.faults import fault_point

NAME = "events.jsonl"
_TAIL = 1 << 16
"""Bytes that `tail` reads; more only where they hold no whole event."""


@dataclass(frozen=True, slots=True)
class Event:
    """`serial` orders events; `time` is the wall clock's (UTC), `monotonic` measures durations."""

    serial: int
    time: str
    monotonic: float
    step: str
    event: str
    facts: dict[str, Any]


class Journal:
    """Appends events; each is one write, so a crash cuts off the last line at most."""

    def __init__(self, folder: Path, also: Callable[[Event], None] | None = None) -> None:
        self.path, self._also = folder / NAME, also
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
        self._descriptor = os.open(self.path, flags, 0o644)
        try:
            self._torn = _is_torn(self._descriptor)
            self._append(b"")  # before the serials are read: a line may lack nothing but its end
            self._serial = max((event.serial for event in tail(folder)), default=-1) + 1
        except BaseException:
            self.close()
            raise

    def say(self, step: str, event: str, facts: dict[str, Any]) -> None:
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        said = Event(self._serial, now, round(time.monotonic(), 3), step, event, facts)
        fault_point("event")
        self._append((json.dumps(asdict(said), ensure_ascii=False) + "\n").encode("utf-8", "replace"))
        self._serial += 1
        if self._also:
            self._also(said)

    def close(self) -> None:
        os.close(self._descriptor)

    def _append(self, line: bytes) -> None:
        """Write a line, after the end of one that a crash or a full disk has torn."""
        left = memoryview(b"\n" + line if self._torn else line)
        self._torn = True
        while left:
            left = left[os.write(self._descriptor, left) :]
        self._torn = False


def every(folder: Path) -> Iterator[Event]:
    """All events of a run, oldest first; lines that a crash has torn are passed over."""
    try:
        with (folder / NAME).open("rb") as file:
            yield from (event for line in file if (event := _parse(line)) is not None)
    except OSError:
        return


def tail(folder: Path) -> list[Event]:
    """The last events of a run, oldest first; lines that a crash has torn are passed over."""
    try:
        with (folder / NAME).open("rb") as file:
            size, window = file.seek(0, os.SEEK_END), _TAIL
            while True:
                file.seek(max(0, size - window))
                found = _events(file.read(window), window < size)
                if found or window >= size:
                    return found
                window *= 8
    except OSError:
        return []


def _events(content: bytes, is_cut: bool) -> list[Event]:
    """The whole events in the end of a file; the first line is half a line where it was cut there."""
    whole = content.split(b"\n")[1 if is_cut else 0 : -1]
    return [event for line in whole if (event := _parse(line)) is not None]


def _parse(line: bytes) -> Event | None:
    try:
        event = Event(**json.loads(line))
        datetime.fromisoformat(event.time)
    except (ValueError, TypeError, RecursionError):
        return None
    is_sound = type(event.serial) is int and isinstance(event.monotonic, int | float)
    return event if is_sound and isinstance(event.facts, dict) else None


def _is_torn(descriptor: int) -> bool:
    size = os.fstat(descriptor).st_size
    return size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
