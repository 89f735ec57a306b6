"""What can go wrong while a plan runs.

    LehrError
    ├── Refusal            nothing was started (exit 2)
    ├── StageError         a stage failed; what was finished is kept (exit 5)
    ├── Held               a gate was not met; the stage waits (exit 6)
    └── Interrupted        someone asked to stop; state is saved (exit 130)

Each is a letter like a compiler diagnostic: a code of the RUN family, a headline
that stands alone, notes with the facts, and what to do.
"""

from __future__ import annotations

from signal import Signals
from typing import Any


class LehrError(Exception):
    """A letter to the user.

    `step` is the plan address it is about, where there is one; `origin` where in the spec, if not at the step.
    `moves` are changes of a stage's course that the letter points to as well, each with what to say there.
    """

    exit_code = 3

    def __init__(
        self,
        code: str,
        name: str,
        headline: str,
        *,
        notes: tuple[str, ...] = (),
        help: tuple[str, ...] = (),
        step: str | None = None,
        origin: Any = None,
        moves: tuple[tuple[Any, str], ...] = (),
    ) -> None:
        super().__init__(headline)
        self.code, self.name, self.headline = code, name, headline
        self.notes, self.help, self.step, self.origin, self.moves = notes, help, step, origin, moves


class Refusal(LehrError):
    exit_code = 2


class StageError(LehrError):
    exit_code = 5


class Held(LehrError):
    exit_code = 6


class Interrupted(LehrError):
    exit_code = 130

    def __init__(self, headline: str, *, step: str | None = None) -> None:
        help = ("`lehr resume` goes on from here",)
        super().__init__("RUN301", "interrupted", headline, help=help, step=step)

    def by(self, number: Signals | None) -> Interrupted:
        """The same after a signal: the exit code is 128 and its number, as shells have it."""
        if number is not None:
            self.exit_code = 128 + number
        return self
