"""`lehr status`: how is it going?"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .options import formats

if TYPE_CHECKING:
    from ..runtime.engine.status import Status, StepStatus

MARKS = {"done": "✓", "running": "▶", "stopped": "‖", "failed": "✗", "held": "◆", "dead": "✗", "to come": "·"}
STATES = tuple(MARKS)


@click.command("status", short_help="How is it going?")
@click.argument("run", required=False, metavar="[RUN]")
@formats("text", "json")
def verb(run: str | None, form: str) -> None:
    """Show what a run has done, what it is doing and what is to come.

    Reads only plan.json, ledger.json and the end of events.jsonl: it works on a copied
    folder, beside a running `lehr run`, and after a crash.  Without RUN, the newest run
    under `runs/`.
    """
    from ..runtime.engine.status import status

    folder = Path(run) if run else newest_run()
    try:
        found = status(folder)
    except (OSError, ValueError):
        raise click.UsageError(f"there is no run in {folder}") from None
    click.echo(json.dumps(asdict(found), indent=2, default=_plain) if form == "json" else show(found))


def _plain(model: Any) -> Any:
    return model.model_dump()


def show(found: Status) -> str:
    """The run on one screen."""
    wide = max(len(step.address) for step in found.steps)
    counts = [f"{found.count(state)} {state}" for state in STATES if found.count(state)]
    lines = [f"{found.run}   {len(found.steps)} steps: {', '.join(counts)}", ""]
    for step in found.steps:
        lines.append(f"  {MARKS[step.state]} {step.address.ljust(wide)}  {_told(step)}".rstrip())
        lines += [f"    {' ' * wide}  {line}" for line in _why(step)]
    if found.age is not None:
        probably = ": probably dead; `lehr resume` goes on" if found.count("dead") else ""
        lines += ["", f"last event {ago(found.age)} ago{probably}"]
    return "\n".join(lines)


def ago(seconds: float) -> str:
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(0, seconds):.0f} s"


def _told(step: StepStatus) -> str:
    from .progress import losses

    if step.state == "done":
        loss = f"   {losses(step.facts)}" if "loss" in step.facts else ""
        return f"{step.seconds:8.1f} s{loss}"
    if step.progress:
        told = f"{step.state}   step {step.progress['step']} of {step.progress['of']}"
        return told + (f"   {losses(step.progress)}" if "loss" in step.progress else "")
    return "" if step.state == "to come" else step.state


def _why(step: StepStatus) -> Iterator[str]:
    """Why a step is held or failed, and the gates of one that is on its way."""
    from ..runtime.engine.gates import moment, told

    if step.state in ("running", "held", "stopped"):
        for one in step.gates:
            mark = "✓" if one.met else "✗" if one.enforced else "·"
            yield f"{mark} {moment(one.after)}  {told(one)}"
    if step.state == "failed" and step.because:
        yield step.because


def newest_run() -> Path:
    """The run under `runs/` whose plan was written last."""
    plans = sorted(Path("runs").glob("*/*/plan.json"), key=lambda path: path.stat().st_mtime)
    if not plans:
        raise click.UsageError("there is no run under runs/; name one, or start with `lehr run SPEC`")
    return plans[-1].parent
