"""What a judge is shown, and what a judge is: answers in, as many scores out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol


class Prompt(Protocol):
    """What a judge reads of a prompt, whoever keeps it."""

    @property
    def id(self) -> str: ...

    @property
    def messages(self) -> tuple[Any, ...]:
        """Turns with a `role` and a `content`."""
        ...

    @property
    def meta(self) -> dict[str, Any]:
        """What else is known; `answer` is the truth where it can be checked."""
        ...


@dataclass(frozen=True)
class Asked:
    """An answer to a prompt.  The ids are those that were read and drawn, where the model's tokens are known."""

    prompt: Prompt
    answer: str
    ended: bool
    """Whether the model ended by itself; else the answer was cut at its longest."""
    given: list[int] = field(default_factory=list[int])
    """Ids of the prompt as the model read it."""
    ids: list[int] = field(default_factory=list[int])
    """Ids of the answer, with the one that ended it."""


Judge = Callable[[Sequence[Asked]], list[float]]


class NoTruth(ValueError):
    """A prompt says nothing that its answers could be checked against."""
