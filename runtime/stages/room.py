"""What a stage is given to work in.

A stage is `run(step, inputs, room) -> facts`.  It reads its inputs' artifact
folders, writes its own files into `room.folder`, tells what happens through
`room.say`, and returns the facts that the ledger keeps.  It knows nothing of
runs, locks or addresses: the engine hands it this room and turns the folder
into an artifact when it returns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

from .means import Means

Facts = dict[str, Any]
"""JSON-able results: token counts, losses, scores."""


class Checkpoints(Protocol):
    """A stage's saved states, newest last.  What is loaded has passed its checksum."""

    def save(self, step: int, tensors: Mapping[str, Any], meta: Mapping[str, Any]) -> None:
        """Begin to keep `tensors` (name to torch.Tensor) and `meta` (JSON) as the state after `step` steps.

        They are copied before this returns.  What goes wrong later is raised by the next call.
        """
        ...

    def kept(self, wait: bool = False) -> int:
        """The newest step whose state is kept, 0 where there is none; with `wait`, once nothing is on its way."""
        ...

    def every(self) -> Iterator[tuple[int, dict[str, Any], dict[str, Any]]]:
        """The sound states, oldest first, up to a corrupt one, which is named."""
        ...

    def latest(self) -> tuple[int, dict[str, Any], dict[str, Any]] | None:
        """The newest sound state as (step, tensors, meta), or None.  A corrupt one is named and passed over."""
        ...


class Room(Protocol):
    @property
    def folder(self) -> Path:
        """Where the stage writes its files; it is empty when the stage begins."""
        ...

    @property
    def scratch(self) -> Path:
        """A folder that outlives an interruption, for what the stage can go on from; it goes when the step is done."""
        ...

    @property
    def root(self) -> Path:
        """The user's folder, below which the plan's paths and patterns are."""
        ...

    @property
    def workers(self) -> int:
        """Processes that may read data ahead; no result depends on it."""
        ...

    @property
    def checkpoints(self) -> Checkpoints: ...

    @property
    def means(self) -> Means:
        """With what the stage is run, beside its recipe."""
        ...

    def say(self, event: str, **facts: Any) -> None:
        """Write an event of this step, e.g. `say("progress", step=10, of=900, loss=5.2)`."""
        ...

    @property
    def stopping(self) -> bool:
        """True once someone asked to stop: save, then raise `Interrupted`."""
        ...

    def gate(self, done: int, model: Any, save: Callable[[], None]) -> None:
        """Before the step that follows `done` of them: measure what the plan's gates ask of the model here.

        Where one asks, the state is first saved by `save`; where one is not met, this raises `Held`.
        """
        ...
