"""What a curation left out: the funnel of its steps, and for each reason some of what went."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

_SHOWN = 3
"""Examples of each reason."""
_WIDE = 100


def show(address: str) -> bool:
    """Of the newest run that has such a step; whether there is one."""
    from ..compiler.plan.model import CurateWork, Plan
    from .stores import store_of

    for path in sorted(Path("runs").glob("*/*/plan.json"), key=lambda one: -one.stat().st_mtime):
        try:
            plan = Plan.model_validate_json(path.read_bytes())
        except (OSError, ValueError):
            continue
        step = next((one for one in plan.steps if one.address == address), None)
        if step is None or not isinstance(step.work, CurateWork):
            continue
        folder = store_of(plan).find(step.fingerprint)
        if folder is None:
            raise click.ClickException(f"{path.parent} has not made `{address}` yet: `lehr run` does")
        click.echo(f"what `{address}` dropped, in {path.parent}\n")
        funnel = store_of(plan).facts(step.fingerprint)["funnel"]
        click.echo(_funnel(funnel))
        click.echo("\n".join(_examples(folder / "dropped.parquet", [row["step"] for row in funnel])))
        return True
    return False


def _funnel(rows: list[dict[str, Any]]) -> str:
    from ..compiler.units import digits

    wide = max((len(row["step"]) for row in rows), default=4)
    lines = [f"{'step'.ljust(wide)}  {'documents':>12}  {'kept':>12}  {'':>6}  {'MB':>9}  {'kept':>9}"]
    for row in rows:
        share = row["kept"] / row["documents"] if row["documents"] else 1
        sizes = "  ".join(f"{row[name] / 1e6:>9.1f}" for name in ("bytes", "kept_bytes"))
        counts = f"{digits(row['documents']):>12}  {digits(row['kept']):>12}  {share:>6.1%}"
        lines.append(f"{row['step'].ljust(wide)}  {counts}  {sizes}")
    return "\n".join(lines) + "\n"


def _examples(path: Path, steps: list[str]) -> list[str]:
    """Reason after reason: how many, and a few of them."""
    from ..compiler.units import digits
    from ..runtime.parts.curate.looking import reasons

    lines: list[str] = []
    for one in reasons(path, steps, _SHOWN):
        what = "changed in" if one.part else "dropped"
        lines.append(f"{one.step}: {one.reason}, {what} {digits(one.count)}")
        for row in one.first:
            lines.append(f"    {row['id']}" + (f" ({row['value']})" if row["value"] else ""))
            lines += [f"      {_line(row['sample'])}"] if row["sample"] else []
        lines.append("")
    return lines


def _line(sample: str) -> str:
    """A sample on one line, without what would move a terminal's cursor."""
    said = " ".join(sample.split())
    said = "".join(one if one.isprintable() else "�" for one in said)
    return said if len(said) <= _WIDE else f"{said[: _WIDE - 1]}…"
