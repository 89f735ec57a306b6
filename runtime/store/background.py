"""Checkpoints that are written while training goes on.

A state is copied to the host's memory, and a thread writes the copy with all that
`CheckpointFolder` promises.  At most one is on its way: the next one waits for it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from threading import Thread
from typing import Any

from .checkpoints import CheckpointFolder
from .faults import fault_point


class BackgroundCheckpoints:
    """The states of a stage.  What went wrong in the thread is raised by the next call."""

    def __init__(self, folder: CheckpointFolder) -> None:
        self.folder = folder
        self._thread: Thread | None = None
        self._error: BaseException | None = None
        self._kept = 0

    def save(self, step: int, tensors: Mapping[str, Any], meta: Mapping[str, Any]) -> None:
        """Copy a state and begin to write it.  What JSON cannot hold is found at once."""
        self.kept(wait=True)
        told = json.loads(json.dumps(meta, allow_nan=False))
        copies = {name: tensor.detach().to("cpu", copy=True) for name, tensor in tensors.items()}
        self._thread = Thread(target=self._write, args=(step, copies, told), name="checkpoint", daemon=True)
        self._thread.start()

    def kept(self, wait: bool = False) -> int:
        """The newest step whose state is whole on the disk; with `wait`, once nothing is on its way."""
        if self._thread and (wait or not self._thread.is_alive()):
            self._thread.join()
            self._thread = None
        if self._error and not self._thread:
            error, self._error = self._error, None
            raise error
        return self._kept

    def latest(self) -> tuple[int, dict[str, Any], dict[str, Any]] | None:
        """The newest sound state as (step, tensors, meta)."""
        self.kept(wait=True)
        found = self.folder.latest()
        self._kept = found[0] if found else 0
        return found

    def every(self) -> Iterator[tuple[int, dict[str, Any], dict[str, Any]]]:
        """The sound states, oldest first."""
        self.kept(wait=True)
        for state in self.folder.every():
            self._kept = state[0]
            yield state

    def _write(self, step: int, tensors: dict[str, Any], meta: dict[str, Any]) -> None:
        try:
            fault_point("saving")
            self.folder.save(step, tensors, meta)
            self._kept = step
        except BaseException as error:  # whatever it is, the main thread says it
            self._error = error
