"""The compiler: from a spec's text to a plan.  It never imports torch.

`check` says what is wrong with a spec; `compile` makes its plan.  The passes in
between are listed in `journey`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .diagnostics.diagnostic import Diagnostic
    from .journey import Journey
    from .lint.config import Config
    from .plan.model import Plan

__all__ = ["check", "compile"]


def check(
    path: str,
    settings: tuple[str, ...] = (),
    profiles: tuple[str, ...] | None = None,
    config: Config | None = None,
) -> Journey:
    """Everything that can be said of a spec, under the profiles named or all of them.

    `config` is that of the nearest `pyproject.toml` unless it is given.  Raises OSError
    where the spec cannot be read, and BadConfig where the configuration is wrong.
    """
    from .journey import travel
    from .lint.config import find

    return travel(path, settings, profiles, config=config or find(path))


def compile(
    path: str, settings: tuple[str, ...] = (), profile: str = "full"
) -> tuple[Plan | None, list[Diagnostic]]:
    """The plan of a spec under one profile, or None and the errors that stand in its way."""
    from .plan.lower import lower
    from .plan.unbuilt import unbuilt

    journey = check(path, settings, (profile,))
    view = journey.views.get(profile)
    if not journey.sound or view is None or view.graph is None:
        return None, journey.letters
    missing = unbuilt(view.graph)
    return (None if missing else lower(view.graph, profile, view.claims)), journey.letters + missing
