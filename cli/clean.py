"""`lehr clean`: what can go?"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .options import formats

if TYPE_CHECKING:
    from ..runtime.engine.waste import Kept, Waste
    from ..runtime.store.artifact import Store

_LISTED = 40


@click.command("clean", short_help="What can go?")
@click.argument("folder", required=False, metavar="[STORE]", type=click.Path(path_type=Path))
@click.option("--yes", is_flag=True, help="Remove it; without, it is listed, and asked for on a terminal.")
@formats("text", "json")
def verb(folder: Path | None, yes: bool, form: str) -> None:
    """List what no ledger reaches, and remove it.

    Artifacts that no run's ledger or plan names and no release was made from, artifacts that
    were set aside because they were altered, and what dead processes have left: temporaries, and
    checkpoints that no step goes on from.  What a live run needs is never touched.

    Without STORE, the stores of the runs under `runs/`.
    """
    from ..runtime.engine.waste import look

    runs = sorted({path.parent for path in Path("runs").glob("*/*/plan.json")})
    found = [(store, *look(store, runs)) for store in _stores(folder, runs)]
    click.echo(_as_json(found) if form == "json" else "\n\n".join(show(*one) for one in found))
    waste = [one for _, some, _ in found for one in some]
    if not waste or not (yes or _agreed(waste, form)):
        return
    from ..runtime.engine.waste import remove

    freed = sum(remove(store, runs, some) for store, some, _ in found)
    click.echo(f"Removed {amount(freed)}.", err=form == "json")


def _stores(folder: Path | None, runs: Sequence[Path]) -> list[Store]:
    from ..runtime.store.artifact import Store
    from .stores import configured, folder_of
    from .world import earlier

    if folder is not None and not folder.is_dir():
        raise click.UsageError(f"there is no store in {folder}")
    plans = [plan for run in runs if (plan := earlier(run))]
    places = [folder] if folder else [configured(), *(folder_of(plan) for plan in plans)]
    return [Store(place) for place in dict.fromkeys(places) if place.is_dir()]


def _agreed(waste: Sequence[Waste], form: str) -> bool:
    if form == "json" or not sys.stdin.isatty():
        click.echo("Nothing was removed; --yes removes it.", err=True)
        return False
    return click.confirm(f"Remove {len(waste)}?", err=True)


def show(store: Store, waste: Sequence[Waste], kept: Kept) -> str:
    """A store on one screen: what stays in a line, what may go one by one."""
    stays = f"{kept.artifacts} artifact{'' if kept.artifacts == 1 else 's'} of {amount(kept.bytes)}"
    lines = [f"{store.root}   {stays} stay"]
    lines += [f"  {run} is gone; what only it needed is listed" for run in kept.gone]
    if not waste:
        return "\n".join([*lines, "nothing to remove"])
    lines.append("")
    wide = max(len(one.what) for one in waste)
    for one in waste[:_LISTED]:
        lines.append(f"  {one.what.ljust(wide)}  {amount(one.bytes):>9}  {_name(one)}  {one.told}".rstrip())
    if len(waste) > _LISTED:
        lines.append(f"  … and {len(waste) - _LISTED} more, --format json lists them all")
    return "\n".join([*lines, "", f"{len(waste)} to remove, {amount(sum(one.bytes for one in waste))}"])


def _name(one: Waste) -> str:
    """An address by its beginning, as long as it is told from others."""
    return one.path.name if one.what == "temporary" else f"{one.path.name[:16]}"


def _as_json(found: Sequence[tuple[Store, Sequence[Waste], Kept]]) -> str:
    stores = [
        {
            "store": str(store.root),
            "kept": {"artifacts": kept.artifacts, "bytes": kept.bytes},
            "gone": [str(run) for run in kept.gone],
            "waste": [
                {"path": str(one.path), "what": one.what, "bytes": one.bytes, "told": one.told}
                for one in waste
            ],
        }
        for store, waste, kept in found
    ]
    return json.dumps({"version": 1, "stores": stores}, indent=2)


def amount(size: int) -> str:
    """`1.2 GB`."""
    value = float(size)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"
