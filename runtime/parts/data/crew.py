"""Processes that read batches ahead of the training loop.

Which batch comes next is known without reading it, so a worker is told where a step
stands and makes its batch by itself.  Each has one batch in hand, and they are asked in
turn: the order cannot depend on who is quick.  Workers are spawned and not forked, for a
forked one would keep the run's lock.  One that dies or hangs ends the crew, and the feed
goes on without it.
"""

from __future__ import annotations

import signal
from collections import deque
from collections.abc import Mapping
from multiprocessing import get_context
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ....compiler.plan.model import TargetsWork, TrainedWork
from .tokens import TokenSet

if TYPE_CHECKING:
    from multiprocessing.connection import Connection, PipeConnection
    from multiprocessing.context import SpawnProcess

    Line = Connection[Any, Any] | PipeConnection[Any, Any]

Rows = tuple[Tensor, Tensor]
DEADLINE = 60.0
"""Seconds for one batch: reading takes milliseconds, starting Python with torch some seconds."""


class CrewLost(Exception):
    """A worker died or did not answer; the message says which."""


class Crew:
    def __init__(self, work: TrainedWork | TargetsWork, sets: Mapping[str, TokenSet], count: int) -> None:
        self._crew = [_hired(work, sets) for _ in range(count)]
        self._free = deque(self._crew)
        self._asked: deque[tuple[SpawnProcess, Line]] = deque()

    @property
    def has_room(self) -> bool:
        return bool(self._free)

    def ask(self, state: Mapping[str, Any]) -> None:
        """Let the next worker read the batch that stands at `state`."""
        worker = self._free.popleft()
        self._asked.append(worker)
        try:
            worker[1].send(state)
        except OSError:
            raise CrewLost(f"data worker {worker[0].pid} has died") from None

    def take(self) -> Rows:
        """The rows that were asked for first."""
        process, line = self._asked[0]
        if not line.poll(DEADLINE):
            raise CrewLost(f"data worker {process.pid} has not answered for {DEADLINE:g} seconds")
        try:
            ids, documents = line.recv()
        except (EOFError, OSError):
            raise CrewLost(f"data worker {process.pid} has died") from None
        self._free.append(self._asked.popleft())
        return torch.from_numpy(ids), torch.from_numpy(documents)

    def dismiss(self) -> None:
        for process, line in self._crew:
            line.close()
            process.kill()
        for process, _ in self._crew:
            process.join()


def _hired(work: TrainedWork | TargetsWork, sets: Mapping[str, TokenSet]) -> tuple[SpawnProcess, Line]:
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, work, dict(sets)), daemon=True)
    process.start()
    theirs.close()  # the worker has its own; so the line breaks when either side is gone
    return process, ours


def _serve(line: Line, work: TrainedWork | TargetsWork, sets: Mapping[str, TokenSet]) -> None:
    """A worker's life.  It ends with its line: no worker outlives the run that it reads for."""
    from .feed import Feed

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # it reaches the whole terminal; the run decides
    torch.set_num_threads(1)
    feed = Feed(work, sets)
    try:
        while True:
            feed.load(line.recv())
            ids, documents = feed.rows()
            line.send((ids.numpy(), documents.numpy()))
    except (EOFError, OSError):
        return
