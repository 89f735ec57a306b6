"""`lehr resume`: go on."""

from __future__ import annotations

from pathlib import Path

import click

from ..compiler.plan.model import Plan
from .options import colour
from .run import THREADS, WORKERS, execute, saved_plan
from .status import newest_run


@click.command("resume", short_help="Go on.")
@click.argument("run", required=False, metavar="[RUN]")
@colour
@click.option("--threads", type=click.IntRange(min=1), help=THREADS)
@click.option("--workers", type=click.IntRange(min=0), default=0, help=WORKERS)
@click.pass_context
def verb(ctx: click.Context, run: str | None, color: str, threads: int | None, workers: int) -> None:
    """Run on what stands in a run's folder, from the latest checkpoint that passes its checksum.

    Without RUN, the newest run under `runs/`.  Interrupted and resumed is the same as
    uninterrupted, bit for bit, on one device.
    """
    folder = Path(run) if run else newest_run()
    plan = saved_plan(str(folder / "plan.json"))
    plan, root = _placed(plan, folder)
    ctx.exit(execute(plan, color, threads, root, workers=workers))


def _placed(plan: Plan, folder: Path) -> tuple[Plan, Path]:
    """The plan and the folder below which it ran; a run folder that was moved runs where it is."""
    whole, inside = folder.resolve().parts, Path(plan.run).parts
    if whole[-len(inside) :] == inside:
        return plan, Path(*whole[: -len(inside)])
    return plan.model_copy(update={"run": str(folder)}), Path()
