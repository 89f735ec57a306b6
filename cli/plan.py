"""`lehr plan`: what would happen?"""

from __future__ import annotations

from pathlib import Path

import click

from ..compiler.diagnostics.diagnostic import Severity
from ..compiler.plan.model import Plan
from .options import colour, find_specs, formats, no_such, profile, settings, show_letters, spec_files


@click.command("plan", short_help="What would happen?")
@click.argument("spec", required=False, shell_complete=spec_files)
@formats("text", "json")
@settings
@profile
@colour
@click.option("-o", "output", type=click.Path(dir_okay=False), help="Write the plan as JSON to this file.")
@click.option("--exit-code", is_flag=True, help="Exit with 4 when there is something to do.")
@click.pass_context
def verb(
    ctx: click.Context,
    spec: str | None,
    form: str,
    settings: tuple[str, ...],
    profile: str,
    color: str,
    output: str | None,
    exit_code: bool,
) -> None:
    """Show every step, phase and share that a spec comes to, and what is done already.

    Never imports torch.  A plan written with -o is enough to run: `lehr run FILE`.
    """
    from ..runtime.store.atomic import write_bytes
    from .show_plan import show
    from .world import compare

    path = one_spec(spec)
    plan = planned(path, settings, color, profile)
    if plan is None:
        ctx.exit(1)
    decisions = compare(plan)
    if output:
        write_bytes(Path(output), (plan.model_dump_json(indent=2) + "\n").encode())
    click.echo(plan.model_dump_json(indent=2) if form == "json" else show(plan, decisions, path))
    if output and form == "text":
        click.echo(f"Written to {output}; `lehr run {output}` runs exactly this.", err=True)
    ctx.exit(4 if exit_code and any(decision.action != "keep" for decision in decisions) else 0)


def one_spec(spec: str | None) -> str:
    """The one spec that is meant."""
    found = find_specs([spec] if spec else [])
    if len(found) > 1:
        raise click.UsageError(f"name one spec of {', '.join(found)}")
    return found[0]


def planned(path: str, settings: tuple[str, ...], color: str, profile: str = "full") -> Plan | None:
    """A spec's plan; None after its errors were shown."""
    from ..compiler import compile as compile_spec

    try:
        plan, letters = compile_spec(path, settings, profile)
    except OSError as error:
        raise no_such(path, error) from None
    show_letters([one for one in letters if one.severity is not Severity.NOTE], color)
    return plan
