"""`lehr run`: do it."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import click
from pydantic import ValidationError

from ..compiler.plan.model import Plan
from .options import colour, settings, show_failure, wants_colour


@click.command("run", short_help="Do it.")
@click.argument("spec", required=False, metavar="[SPEC or PLAN]")
@settings
@colour
@click.option("--threads", type=click.IntRange(min=1), help="Threads for torch. Default: one.")
@click.pass_context
def verb(
    ctx: click.Context, spec: str | None, settings: tuple[str, ...], color: str, threads: int | None
) -> None:
    """Run a spec, or a plan that `lehr plan -o` wrote.  What is done already is kept."""
    from .plan import one_spec, planned

    path = one_spec(spec)
    plan = saved_plan(path) if path.endswith(".json") else planned(path, settings, color)
    ctx.exit(1 if plan is None else execute(plan, color, threads))


def saved_plan(path: str) -> Plan:
    """A plan from its file; a file that is no plan of this version is a fault of the command."""
    try:
        document = Path(path).read_bytes()
        return Plan.model_validate_json(document)
    except OSError as error:
        raise click.UsageError(f"cannot read {path}: {(error.strerror or str(error)).lower()}") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise click.UsageError(
            f"{path} is not a plan of this version: {where}: {first['msg'].lower()}"
        ) from None


def execute(plan: Plan, color: str, threads: int | None, root: Path = Path()) -> int:
    """Run a plan below `root`, show it, and say what came of it; returns the exit code."""
    from ..runtime.engine.walk import missing_extras
    from ..runtime.errors import LehrError, Refusal
    from .progress import Screen, took
    from .world import compare

    missing = missing_extras()
    if missing:
        listed = ", ".join(missing)
        refusal = Refusal(
            "RUN105",
            "extra-missing",
            f"running a plan needs {listed}",
            help=("install the extra: `pip install 'lehr[train]'`",),
        )
        return show_failure(refusal, plan, color)
    began = time.monotonic()
    with Screen(plan, colour=wants_colour(color, sys.stderr)) as screen:
        try:
            kept = sum(decision.action == "keep" for decision in compare(plan, root))
            screen.line("Planning", f"{len(plan.steps)} steps, {kept} done before{' ' * 8}{plan.run}")
            _walk(plan, screen, threads, root)
        except LehrError as error:
            screen.line("Stopped", f"{error.step or plan.run}", "red")
            return show_failure(error, plan, color)
        if not screen.ran:
            screen.line("Finished", f"nothing to do; all {len(plan.steps)} steps were done")
            return 0
        screen.line("Finished", f"{screen.ran} steps in {took(time.monotonic() - began)}")
    _show_results(plan, root)
    return 0


def _walk(plan: Plan, screen: object, threads: int | None, root: Path) -> None:
    # Idle threads that spin slow a busy machine down several times; they are told to sleep before torch is imported.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    from ..runtime.engine.walk import run

    run(plan, say=screen, root=root, threads=threads or 1)  # pyright: ignore[reportArgumentType]


def _show_results(plan: Plan, root: Path) -> None:
    from ..runtime.engine.ledger import read
    from .results import results

    ledger = read(root / plan.run)
    if ledger:
        told = results(plan, {name: entry.facts for name, entry in ledger.entries.items()})
        click.echo(f"\n{told}\n" if told else "")
