"""A run's page: HTML that needs nothing else, or Markdown; both from what `told` found."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from ...compiler.plan.model import Plan
from ...compiler.plan.timeline import timeline
from ...compiler.units import digits
from ..amounts import amount, bytes_of, duration
from ..timeline_svg import svg
from .plots import plot
from .told import Curve, Row, Scores, Told

_TOGETHER = 8
"""Curves on one plane, at most."""
MARKS = {"done": "✓", "running": "▶", "stopped": "‖", "failed": "✗", "held": "◆", "dead": "✗", "to come": "·"}


def html(of: Told, plan: Plan, other: Told | None = None) -> str:
    return (
        _environment(autoescape=True)
        .get_template("page.html")
        .render(
            run=of,
            other=other,
            pairs=_pairs(of, other),
            timeline=_timeline(plan),
            plots=_plots(of),
            plot=_positions,
        )
    )


def markdown(of: Told, other: Told | None = None) -> str:
    return (
        _environment(autoescape=False)
        .get_template("page.md")
        .render(run=of, other=other, pairs=_pairs(of, other))
    )


def value(score: Any) -> str:
    """A score as its suite reads: perplexity as it is, all else in percent."""
    if score["suite"] == "perplexity":
        return f"{score['value']:.3g}"
    return f"{score['value']:.1%}"


def _environment(autoescape: bool) -> Environment:
    found = Environment(
        loader=PackageLoader("lehr.cli.reports", "."),
        autoescape=autoescape,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    filters: dict[str, Any] = {
        "digits": lambda number: digits(round(number)),
        "amount": amount,
        "bytes": bytes_of,
        "duration": duration,
        "score": value,
        "cell": lambda text: str(text).replace("|", "\\|").replace("\n", " "),
        "mark": MARKS.__getitem__,
    }
    found.filters.update(filters)
    return found


def _timeline(plan: Plan) -> Markup:
    """The one timeline, drawn; nothing where no stage trains in steps that are known."""
    line = timeline(plan)
    return Markup(svg(line, f"{plan.pipeline}, {plan.profile}")) if line.stages else Markup("")


def _plots(of: Told) -> list[Markup]:
    """The losses of the stages, few to a plane."""
    curves = [curve for curve in of.curves if len(curve.points) > 1]
    planes = [curves[place : place + _TOGETHER] for place in range(0, len(curves), _TOGETHER)]
    return [Markup(plot(plane, "step of the stage", "loss", "Losses along the steps")) for plane in planes]


def _positions(scores: Scores) -> Markup:
    """Nats by position: what longer contexts are for."""
    curves: Sequence[Curve] = scores.positions[-_TOGETHER:]
    title = f"{scores.bench}: nats by position in the context"
    return Markup(plot(curves, "position", "nats", title)) if curves else Markup("")


def _pairs(of: Told, other: Told | None) -> list[tuple[str, Row | None, Row | None]]:
    """Steps of two runs, side by side by address."""
    if other is None:
        return []
    mine, theirs = ({row.address: row for row in one.rows} for one in (of, other))
    return [(name, mine.get(name), theirs.get(name)) for name in dict.fromkeys([*mine, *theirs])]
