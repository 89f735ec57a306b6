"""The compiler: from a spec's text to a plan.  It never imports torch.

`check` says what is wrong with a spec; `compile` makes its plan.  The passes in
between are listed in `journey`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .diagnostics.diagnostic import Diagnostic
    from .journey import Journey
    from .plan.model import Plan

__all__ = ["check", "compile"]


def check(path: str, settings: tuple[str, ...] = ()) -> Journey:
    """Everything that can be said of a spec.  Raises OSError where it cannot be read."""
    from .journey import travel

    return travel(path, settings)


def compile(path: str, settings: tuple[str, ...] = ()) -> tuple[Plan | None, list[Diagnostic]]:
    """The plan of a spec, or None and the errors that stand in its way."""
    from .journey import travel
    from .plan.lower import lower

    journey = travel(path, settings)
    plan = lower(journey.graph) if journey.sound and journey.graph else None
    return plan, journey.letters
