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


def check(path: str, settings: tuple[str, ...] = (), profiles: tuple[str, ...] | None = None) -> Journey:
    """Everything that can be said of a spec, under the profiles named or all of them.

    Raises OSError where it cannot be read.
    """
    from .journey import travel

    return travel(path, settings, profiles)


def compile(
    path: str, settings: tuple[str, ...] = (), profile: str = "full"
) -> tuple[Plan | None, list[Diagnostic]]:
    """The plan of a spec under one profile, or None and the errors that stand in its way."""
    from .journey import travel
    from .plan.lower import lower
    from .plan.unbuilt import unbuilt

    journey = travel(path, settings, (profile,))
    view = journey.views.get(profile)
    if not journey.sound or view is None or view.graph is None:
        return None, journey.letters
    missing = unbuilt(view.graph)
    return (None if missing else lower(view.graph, profile, view.claims)), journey.letters + missing
