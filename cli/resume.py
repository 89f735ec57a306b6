"""`lehr resume`: go on."""

from __future__ import annotations

from pathlib import Path

import click

from .options import colour
from .run import execute, saved_plan
from .status import newest_run


@click.command("resume", short_help="Go on.")
@click.argument("run", required=False, metavar="[RUN]")
@colour
@click.option("--threads", type=click.IntRange(min=1), help="Threads for torch. Default: one.")
@click.pass_context
def verb(ctx: click.Context, run: str | None, color: str, threads: int | None) -> None:
    """Run on what stands in a run's folder, from the latest checkpoint that passes its checksum.

    Without RUN, the newest run under `runs/`.  Interrupted and resumed is the same as
    uninterrupted, bit for bit, on one device.
    """
    folder = Path(run) if run else newest_run()
    plan = saved_plan(str(folder / "plan.json"))
    ctx.exit(execute(plan.model_copy(update={"run": str(folder)}), color, threads))
