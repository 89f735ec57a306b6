"""`lehr plan`: what would happen?"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..compiler.diagnostics.diagnostic import Severity
from ..compiler.plan.model import Plan
from .options import (
    colour,
    find_specs,
    formats,
    no_such,
    profile,
    selection,
    settings,
    show_letters,
    spec_files,
    writes_unicode,
)

if TYPE_CHECKING:
    from ..compiler.plan.outlook import Outlook

NOTHING, FAULTS, DUE = 0, 1, 4


@click.command("plan", short_help="What would happen?")
@click.argument("spec", required=False, metavar="[SPEC or PLAN]", shell_complete=spec_files)
@formats("text", "json")
@settings
@profile
@colour
@click.option("--on", "cluster", metavar="NAME", help="What it costs on this `cluster` of the spec.")
@click.option(
    "--fit", is_flag=True, help="With --on: the legal layouts of every step that fit, nearest first."
)
@click.option("--force", multiple=True, metavar="STEP", help="As if this step had to run again.")
@selection
@click.option("--all", "everything", is_flag=True, help="List every turn of every loop.")
@click.option("--timeline", "drawn", is_flag=True, help="Draw context, batch, rate and mix along the tokens.")
@click.option("--of", "model", default="", metavar="MODEL", help="With --timeline: up to this model.")
@click.option(
    "-o", "output", type=click.Path(dir_okay=False), help="Write the plan as JSON, or the timeline as SVG."
)
@click.option("--exit-code", is_flag=True, help="Exit with 4 when there is something to do.")
@click.pass_context
def verb(
    ctx: click.Context,
    spec: str | None,
    form: str,
    settings: tuple[str, ...],
    profile: str,
    color: str,
    cluster: str | None,
    fit: bool,
    force: tuple[str, ...],
    wanted: tuple[str, ...],
    exclude: tuple[str, ...],
    everything: bool,
    drawn: bool,
    model: str,
    output: str | None,
    exit_code: bool,
) -> None:
    """Show every step, phase and share that a spec comes to, what it costs, and what is done already.

    Never imports torch.  A plan written with -o is enough to run: `lehr run FILE` runs
    exactly this, and refuses where the world has moved since.
    """
    from ..compiler.plan.outlook import outlook
    from .show_fit import show_fit
    from .show_plan import beside, show
    from .world import chosen, compare, facts, only, settled, to_save

    path, forced = one_spec(spec), frozenset(force)
    current = planned(path, settings, color, profile)
    if current is None:
        ctx.exit(FAULTS)
    if drawn:
        _draw(current, model, output)
        ctx.exit(NOTHING)
    _known_cluster(current, cluster, fit)
    plan = settled(current, forced)
    decisions = compare(plan, current=current, force=forced)
    if wanted or exclude:
        shown, everything = chosen(plan, decisions, wanted, exclude), True
        plan = only(plan, shown)
        decisions = [one for one in decisions if one.step.address in shown]
    found = outlook(plan, decisions, path, facts(plan), cluster)
    if output:
        _write(output, to_save(plan).model_dump_json(indent=2) + "\n")
    if fit and cluster:
        click.echo(show_fit(plan, cluster))
    elif form == "json":
        document: dict[str, Any] = found.model_dump(mode="json")
        click.echo(_json({**document, "plan": plan.model_dump(mode="json")}))
    else:
        full = planned(path, settings, "never") if profile != "full" else None
        click.echo(show(found, everything, beside(full, plan) if full else ""))
    if output and form == "text":
        click.echo(f"Written to {output}; `lehr run {output}` runs exactly this.", err=True)
    if _show_faults(found, color, plan):
        ctx.exit(FAULTS)
    due = any(decision.action in ("run", "again") for decision in decisions)
    ctx.exit(DUE if exit_code and due else NOTHING)


def _draw(plan: Plan, model: str, output: str | None) -> None:
    """The timeline, in the terminal or as a file."""
    from ..compiler.diagnostics.nearest import nearest
    from ..compiler.plan.timeline import timeline
    from .show_timeline import show_timeline
    from .timeline_svg import svg

    try:
        line = timeline(plan, model)
    except KeyError:
        close = nearest(model, [step.address for step in plan.steps])
        hint = f"; did you mean `{close[0]}`?" if close else ""
        raise click.UsageError(f"`{model}` is no model that a stage here trains{hint}") from None
    if output:
        _write(output, svg(line, plan.pipeline))
        click.echo(f"Written to {output}.", err=True)
    else:
        wide = shutil.get_terminal_size((110, 24)).columns
        click.echo(show_timeline(line, max(60, min(wide, 200)), writes_unicode()))


def _known_cluster(plan: Plan, cluster: str | None, fit: bool) -> None:
    from ..compiler.diagnostics.nearest import nearest
    from ..compiler.plan.devices import DEVICES

    if fit and cluster is None:
        raise click.UsageError("--fit lists layouts on a cluster: name it with --on")
    if cluster is None:
        return
    found = plan.clusters.get(cluster)
    if found is None:
        names = list(plan.clusters)
        close = nearest(cluster, names)
        hint = (
            f"did you mean `{close[0]}`?"
            if close
            else f"it has {', '.join(names)}"
            if names
            else "it has none"
        )
        raise click.UsageError(f"the spec has no cluster `{cluster}`; {hint}")
    if found.device is None:
        known = ", ".join(DEVICES)
        raise click.UsageError(
            f"nothing is known of the device `{found.named}` of `{cluster}`; known are {known}"
        )


def _show_faults(found: Outlook, color: str, plan: Plan) -> bool:
    """What does not fit the cluster, as letters that point into the spec."""
    from ..runtime.errors import Refusal
    from .options import show_failure
    from .show_fit import nearest_that_fit

    faults = [line for line in found.steps if line.fault]
    shown: set[tuple[int, str]] = set()
    for line in faults:
        step = plan.step(line.address)
        if (step.origin.line, line.fault) in shown:
            continue
        shown.add((step.origin.line, line.fault))
        help = nearest_that_fit(plan, found.cluster or "", step)
        headline = f"`{line.address}` does not fit `{found.cluster}`: {line.fault}"
        layout = f"laid out as {line.layout}"
        again = " and layers computed twice" if line.memory and line.memory.recompute else ""
        error = Refusal(
            "PLN101", "does-not-fit", headline, notes=(layout + again,), help=help, step=line.address
        )
        show_failure(error, plan, color)
    return bool(faults)


def _write(output: str, text: str) -> None:
    from ..runtime.store.atomic import write_bytes

    try:
        write_bytes(Path(output), text.encode())
    except OSError as error:
        raise click.UsageError(f"cannot write {output}: {(error.strerror or str(error)).lower()}") from None


def _json(document: dict[str, Any]) -> str:
    import json

    return json.dumps(document, indent=2, ensure_ascii=False)


def one_spec(spec: str | None) -> str:
    """The one spec that is meant."""
    found = find_specs([spec] if spec else [])
    if len(found) > 1:
        raise click.UsageError(f"name one spec of {', '.join(found)}")
    return found[0]


def planned(path: str, settings: tuple[str, ...], color: str, profile: str = "full") -> Plan | None:
    """A spec's plan, with the editions of this version's stages; None after its errors were shown."""
    from ..compiler import compile as compile_spec
    from ..runtime.stages.editions import EDITIONS

    try:
        plan, letters = compile_spec(path, settings, profile, EDITIONS)
    except OSError as error:
        raise no_such(path, error) from None
    show_letters([one for one in letters if one.severity is not Severity.NOTE], color, sys.stderr)
    return plan
