"""`lehr status`: how is it going?"""

from __future__ import annotations

from pathlib import Path

import click

from .options import formats


@click.command("status", short_help="How is it going?")
@click.argument("run", required=False, metavar="[RUN]")
@formats("text", "json")
def verb(run: str | None, form: str) -> None:
    """Show what a run has done, what it is doing and what is to come.

    Reads only plan.json, ledger.json and the end of events.jsonl: it works on a copied
    folder, beside a running `lehr run`, and after a crash.  Without RUN, the newest run
    under `runs/`.
    """
    folder = Path(run) if run else newest_run()
    if not (folder / "plan.json").is_file():
        raise click.UsageError(f"there is no run in {folder}")


def newest_run() -> Path:
    """The run under `runs/` whose plan was written last."""
    plans = sorted(Path("runs").glob("*/*/plan.json"), key=lambda path: path.stat().st_mtime)
    if not plans:
        raise click.UsageError("there is no run under runs/; name one, or start with `lehr run SPEC`")
    return plans[-1].parent
