"""Jobs in processes of their own, where there is more than one to do and more than one core.

Jobs are done in any order and say nothing to each other: what they write is all that
they come to.  Workers are spawned, not forked, for a forked one would keep the run's lock;
and they end with the run, however it ends.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context, parent_process
from types import TracebackType

from ..errors import Interrupted, StageError
from .room import Room

_ASK = 0.2
"""Seconds after which a stop is noticed at the latest."""


class Pool:
    def __init__(self, workers: int, address: str, room: Room) -> None:
        self._workers, self._address, self._room = workers, address, room
        self._pool: ProcessPoolExecutor | None = None

    def __enter__(self) -> Pool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        if self._pool:
            self._pool.shutdown(wait=True, cancel_futures=True)

    def each(self, jobs: Sequence[Callable[[], None]]) -> Iterator[None]:
        """Do the jobs; yields once for each that is done."""
        if self._workers < 2 or len(jobs) < 2:
            for job in jobs:
                self._unless_stopped()
                job()
                yield
            return
        waiting = {self._started().submit(job) for job in jobs}
        try:
            while waiting:
                self._unless_stopped()
                done, waiting = wait(waiting, _ASK, FIRST_COMPLETED)
                for one in done:
                    one.result()
                    yield
        except BrokenProcessPool as error:
            raise self._lost() from error
        finally:
            for one in waiting:
                one.cancel()

    def _started(self) -> ProcessPoolExecutor:
        if self._pool is None:
            self._pool = ProcessPoolExecutor(self._workers, get_context("spawn"), _begin)
        return self._pool

    def _unless_stopped(self) -> None:
        if self._room.stopping:
            raise Interrupted(
                f"`{self._address}` was stopped; it goes on with the shards left", step=self._address
            )

    def _lost(self) -> StageError:
        return StageError(
            "RUN251",
            "worker-lost",
            f"a process of `{self._address}` has died",
            notes=("the system ends one, as a rule, that takes more memory than there is",),
            help=("`lehr resume --workers 1` takes less memory; the shards that were done are kept",),
            step=self._address,
        )


def _begin() -> None:
    """A worker ends when the run does, even where that is killed; a stop is the run's to notice."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_the_run, daemon=True).start()


def _end_with_the_run() -> None:
    run = parent_process()
    if run:
        run.join()
        os._exit(1)
