"""`ledger.json`: what a run has done, by address.  Written whole after every change."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal
from uuid import uuid4

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ..errors import Refusal
from ..store.atomic import write_bytes

NAME = "ledger.json"
State = Literal["running", "done", "failed", "stopped", "held"]


class Measured(BaseModel):
    """What a gate came to: its two sides, after some steps of its stage or (None) when that was done.

    The sides are None where one divides by zero.
    """

    model_config = ConfigDict(extra="forbid")

    gate: str
    name: str
    after: int | None
    left: float | None
    right: float | None
    met: bool
    enforced: bool


class Pass(BaseModel):
    """A gate that was not met and let through: by whom, when, and why."""

    model_config = ConfigDict(extra="forbid")

    stage: str
    fingerprint: str
    gate: str
    after: int | None
    who: str
    when: str
    why: str


class Entry(BaseModel):
    """A step's last attempt.

    `facts` are what its stage said, `seconds` how long it ran, `because` why it failed or is held.
    """

    model_config = ConfigDict(extra="forbid")

    fingerprint: str
    state: State
    seconds: float = 0.0
    facts: dict[str, Any] = Field(default_factory=dict[str, Any])
    because: str = ""
    gates: list[Measured] = Field(default_factory=list[Measured])


class Ledger(BaseModel):
    """`serial` counts the writes, so that a saved plan can tell whether the world has moved."""

    model_config = ConfigDict(extra="forbid")

    version: Literal[1] = 1
    run: str = Field(default_factory=lambda: uuid4().hex)
    serial: int = 0
    entries: dict[str, Entry] = Field(default_factory=dict[str, Entry])
    passes: list[Pass] = Field(default_factory=list[Pass])

    def record(self, folder: Path, address: str, entry: Entry) -> None:
        """Enter a step and write the ledger: afterwards the old one or the new one stands, whole."""
        self.entries[address] = entry
        self._write(folder)

    def let(self, folder: Path, passes: list[Pass]) -> None:
        """Enter gates that were let through."""
        self.passes += passes
        self._write(folder)

    def _write(self, folder: Path) -> None:
        self.serial += 1
        write_bytes(folder / NAME, (self.model_dump_json(indent=2) + "\n").encode())


def read(folder: Path) -> Ledger | None:
    """A run's ledger, or None where there is none.  Raises Refusal where it cannot be understood."""
    try:
        document = (folder / NAME).read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Refusal(
            "RUN110", "ledger-unreadable", f"{folder / NAME} cannot be read: {error.strerror}"
        ) from None
    try:
        return Ledger.model_validate_json(document)
    except ValidationError as error:
        first = error.errors()[0]
        notes = (f"{'.'.join(map(str, first['loc']))}: {first['msg']}",)
        help = ("move it away to begin a new ledger: finished artifacts are found by their address",)
        headline = f"{folder / NAME} is not a ledger of this version"
        raise Refusal("RUN110", "ledger-unreadable", headline, notes=notes, help=help) from None
