"""`lehr resume`: go on."""

from __future__ import annotations

from pathlib import Path

import click

from ..compiler.plan.model import Plan
from ..runtime.stages.means import Means
from .options import colour, means, quiet
from .run import THREADS, WORKERS, execute, saved_plan
from .status import newest_run


@click.command("resume", short_help="Go on.")
@click.argument("words", nargs=-1, metavar="[RUN] [-- REASON]")
@colour
@click.option(
    "--pass",
    "passed",
    multiple=True,
    metavar="NAME",
    help="Let a gate through that holds the run; the ledger keeps who did, when and why.",
)
@click.option("--threads", type=click.IntRange(min=1), help=THREADS)
@click.option("--workers", type=click.IntRange(min=0), default=0, help=WORKERS)
@means
@quiet
@click.pass_context
def verb(
    ctx: click.Context,
    words: tuple[str, ...],
    color: str,
    passed: tuple[str, ...],
    threads: int | None,
    workers: int,
    compile: bool,
    memory: int | None,
    device: str | None,
    quiet: bool,
) -> None:
    """Run on what stands in a run's folder, from the latest checkpoint that passes its checksum.

    Without RUN, the newest run under `runs/`.  Interrupted and resumed is the same as
    uninterrupted, bit for bit, on one device.

    \b
    lehr resume --pass needle -- "the suite is broken"
    """
    run, why = _said(words, bool(passed))
    folder = Path(run) if run else newest_run()
    plan = saved_plan(str(folder / "plan.json"))
    plan, root = _placed(plan, folder)
    if passed:
        from ..runtime.engine.passing import let_through

        let_through(plan, root / plan.run, passed, why)
    means = Means(compile, memory, device)
    ctx.exit(execute(plan, color, threads, root, workers=workers, means=means, quiet=quiet))


def _said(words: tuple[str, ...], passes: bool) -> tuple[str | None, str]:
    """The run, and why a gate is passed, which comes last."""
    most = 2 if passes else 1
    if len(words) > most or (passes and not words):
        wanted = 'lehr resume [RUN] --pass NAME -- "why"' if passes else "lehr resume [RUN]"
        raise click.UsageError(f"say `{wanted}`")
    return (words[0] if len(words) == most else None), (words[-1] if passes else "")


def _placed(plan: Plan, folder: Path) -> tuple[Plan, Path]:
    """The plan and the folder below which it ran; a run folder that was moved runs where it is."""
    whole, inside = folder.resolve().parts, Path(plan.run).parts
    if whole[-len(inside) :] == inside:
        return plan, Path(*whole[: -len(inside)])
    return plan.model_copy(update={"run": str(folder)}), Path()
