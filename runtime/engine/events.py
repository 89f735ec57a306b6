"""`events.jsonl`: what happened in a run, one line each.  Everything on a screen is rendered from it."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..store.faults import fault_point

NAME = "events.jsonl"
_TAIL = 1 << 16


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
        self._serial = max((event.serial for event in tail(folder)), default=-1) + 1
        self._descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        if _is_torn(self.path):
            os.write(self._descriptor, b"\n")

    def say(self, step: str, event: str, facts: dict[str, Any]) -> None:
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        said = Event(self._serial, now, round(time.monotonic(), 3), step, event, facts)
        fault_point("event")
        os.write(self._descriptor, (json.dumps(asdict(said), ensure_ascii=False) + "\n").encode())
        self._serial += 1
        if self._also:
            self._also(said)

    def close(self) -> None:
        os.close(self._descriptor)


def tail(folder: Path) -> list[Event]:
    """The last events of a run, oldest first; lines that a crash has torn are passed over."""
    try:
        with (folder / NAME).open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - _TAIL))
            lines = file.read().split(b"\n")
    except OSError:
        return []
    whole = lines[1 if size > _TAIL else 0 : -1]
    return [event for line in whole if (event := _parse(line)) is not None]


def _parse(line: bytes) -> Event | None:
    try:
        return Event(**json.loads(line))
    except (ValueError, TypeError):
        return None


def _is_torn(path: Path) -> bool:
    with path.open("rb") as file:
        if file.seek(0, os.SEEK_END) == 0:
            return False
        file.seek(-1, os.SEEK_END)
        return file.read(1) != b"\n"
