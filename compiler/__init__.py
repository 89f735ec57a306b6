"""The compiler: from a spec's text to a plan.  It never imports torch.

`check` says what is wrong with a spec; `compile` makes its plan, `lowered` that of one checked.  The passes in
between are listed in `journey`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .diagnostics.diagnostic import Diagnostic
    from .journey import Fetch, Journey
    from .lint.config import Config
    from .plan.model import Plan

__all__ = ["check", "compile", "lowered"]


def check(
    path: str,
    settings: tuple[str, ...] = (),
    profiles: tuple[str, ...] | None = None,
    config: Config | None = None,
    fetch: Fetch | None = None,
) -> Journey:
    """Everything that can be said of a spec, under the profiles named or all of them.

    `config` is that of the nearest `pyproject.toml` unless it is given; `fetch` reads files,
    from the disk unless it is given.  Raises OSError where the spec cannot be read, and
    BadConfig where the configuration is wrong.
    """
    from .journey import load, travel
    from .lint.config import find

    return travel(path, settings, profiles, config=config or find(path), fetch=fetch or load)


def compile(
    path: str,
    settings: tuple[str, ...] = (),
    profile: str = "full",
    editions: Mapping[str, int] | None = None,
) -> tuple[Plan | None, list[Diagnostic]]:
    """The plan of a spec under one profile, or None and the errors that stand in its way.

    `editions` are those of the stages' code, by kind of step.
    """
    return lowered(check(path, settings, (profile,)), profile, editions)


def lowered(
    journey: Journey,
    profile: str = "full",
    editions: Mapping[str, int] | None = None,
    strict: bool = True,
) -> tuple[Plan | None, list[Diagnostic]]:
    """The plan of a spec that was checked; all its letters, and what stands in the way of a plan.

    Unless it is `strict`, errors that a plan can do without, as false claims, let it pass.
    """
    from .diagnostics.diagnostic import Severity
    from .lint.suppress import leaves_no_plan
    from .plan.lower import lower
    from .plan.lower.unplanned import unplanned

    view = journey.views.get(profile)
    errors = [one for one in journey.letters if one.severity is Severity.ERROR]
    stopped = any(strict or leaves_no_plan(one) for one in errors)
    if stopped or view is None or view.graph is None:
        return None, journey.letters
    missing = unplanned(view.graph)
    plan = None if missing else lower(view.graph, profile, view.claims, editions)
    return plan, journey.letters + missing
