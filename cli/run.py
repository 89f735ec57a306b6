"""`lehr run`: do it."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click
from pydantic import ValidationError

from ..compiler.plan.fingerprint import fingerprint
from ..compiler.plan.model import Plan
from .options import (
    colour,
    means,
    profile,
    quiet,
    selection,
    settings,
    show_failure,
    spec_files,
    wants_colour,
)

if TYPE_CHECKING:
    from ..runtime.stages.means import Means

WORKERS = "Processes that read data ahead of the training. Default: 0. No result depends on it."
HELD = 6
THREADS = "Threads for torch. Default: OMP_NUM_THREADS, or one; other numbers may round otherwise."


@click.command("run", short_help="Do it.")
@click.argument("spec", required=False, metavar="[SPEC or PLAN]", shell_complete=spec_files)
@settings
@profile
@selection
@colour
@click.option("--threads", type=click.IntRange(min=1), help=THREADS)
@click.option("--workers", type=click.IntRange(min=0), default=0, help=WORKERS)
@means
@quiet
@click.option(
    "--force",
    multiple=True,
    metavar="STEP",
    help="Run a step again although it is done; it must come to the same files.",
)
@click.pass_context
def verb(
    ctx: click.Context,
    spec: str | None,
    settings: tuple[str, ...],
    profile: str,
    wanted: tuple[str, ...],
    exclude: tuple[str, ...],
    color: str,
    threads: int | None,
    workers: int,
    compile: bool,
    memory: int | None,
    device: str | None,
    quiet: bool,
    force: tuple[str, ...],
) -> None:
    """Run a spec, or a plan that `lehr plan -o` wrote.  What is done already is kept.

    With --select, the steps selected and all that they need.
    """
    from ..runtime.stages.means import Means
    from .plan import one_spec, planned
    from .world import chosen, compare, only, refuse_what_moved, settled

    path, forced = one_spec(spec), frozenset(force)
    if path.endswith(".json"):
        plan = saved_plan(path)
        refuse_what_moved(plan)
    else:
        plan = planned(path, settings, color, profile)
        plan = settled(plan, forced) if plan else None
    if plan and (wanted or exclude):
        plan = only(plan, chosen(plan, compare(plan), wanted, exclude))
    if plan is None:
        ctx.exit(1)
    means = Means(compile, memory, device)
    ctx.exit(execute(plan, color, threads, force=forced, workers=workers, means=means, quiet=quiet))


def saved_plan(path: str) -> Plan:
    """A plan from its file; a file that is no plan of this version is a fault of the command."""
    try:
        plan = Plan.model_validate_json(Path(path).read_bytes())
    except OSError as error:
        raise click.UsageError(f"cannot read {path}: {(error.strerror or str(error)).lower()}") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        said = f"{path} is not a plan of this version: {where}: {first['msg'].lower()}"
        raise click.UsageError(said) from None
    prints = {step.address: step.fingerprint for step in plan.steps}
    for step in plan.steps:
        inputs = {role: prints.get(name, "") for role, name in step.inputs.items()}
        if fingerprint(step.work, inputs) != step.fingerprint:
            raise click.UsageError(
                f"{path} was edited: `{step.address}` no longer has its address; plan anew"
            )
    return plan


def execute(
    plan: Plan,
    color: str,
    threads: int | None,
    root: Path = Path(),
    force: frozenset[str] = frozenset(),
    workers: int = 0,
    means: Means | None = None,
    quiet: bool = False,
) -> int:
    """Run a plan below `root`, show it, and say what came of it; returns the exit code."""
    # A waiting thread spins briefly, then sleeps: spinning on starves a busy machine, not at all slows a quiet one.
    os.environ.setdefault("GOMP_SPINCOUNT", "10000")
    from ..runtime.engine.walk import run
    from ..runtime.errors import LehrError
    from ..runtime.stages.means import Means
    from .progress import Screen, took
    from .stores import folder_of
    from .world import compare

    began = time.monotonic()
    with Screen(plan, colour=wants_colour(color, sys.stderr), quiet=quiet) as screen:
        try:
            kept = sum(decision.action == "keep" for decision in compare(plan, root))
            screen.line("Planning", f"{len(plan.steps)} steps, {kept} done before{' ' * 8}{plan.run}")
            threads, store = threads or default_threads(), folder_of(plan, root)
            run(plan, screen, root, threads, force, workers, store, means or Means())
        except LehrError as error:
            verb = "Held" if error.exit_code == HELD else "Stopped"
            screen.line(verb, f"{error.step or plan.run}", "red")
            return show_failure(error, plan, color)
        if not screen.ran:
            screen.line("Finished", f"nothing to do; all {len(plan.steps)} steps were done")
            return 0
        screen.line(
            "Finished",
            f"{screen.ran} step{'s' if screen.ran > 1 else ''} in {took(time.monotonic() - began)}",
        )
    _show_results(plan, root)
    return 0


def default_threads() -> int:
    """OMP_NUM_THREADS, or one: two threads add a product's terms in another order, and the same plan has to come to
    the same weights wherever it runs."""
    wanted = os.environ.get("OMP_NUM_THREADS", "")
    return int(wanted) if wanted.isdigit() and int(wanted) else 1


def _show_results(plan: Plan, root: Path) -> None:
    from ..runtime.engine.ledger import read
    from .results import results

    ledger = read(root / plan.run)
    if ledger:
        told = results(plan, {name: entry.facts for name, entry in ledger.entries.items()})
        click.echo(f"\n{told}\n" if told else "")
