"""`lehr explain kernels`: which implementation of each operation serves this machine, and why."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from ..kernels.choose import Machine
    from ..kernels.table import Row


def show(form: str, color: str) -> int:
    """Print the table and return the exit code; torch is imported here and by no other page."""
    if find_spec("torch") is None:
        from ..runtime.errors import Refusal
        from .options import show_failure

        headline = "what serves a kernel depends on torch, which is not installed"
        help = ("install the extra: `pip install 'lehr[train]'`",)
        return show_failure(Refusal("RUN105", "extra-missing", headline, help=help), None, color)
    from ..kernels.table import devices, rows

    found = {name: (here, [*rows(here)]) for name, here in devices().items()}
    if form == "json":
        click.echo(json.dumps([_plain(name, *one) for name, one in found.items()], indent=2))
    else:
        click.echo("\n\n".join(table(name, *one) for name, one in found.items()))
    return 0


def _plain(name: str, here: Machine, rows: Sequence[Row]) -> dict[str, Any]:
    return {"device": name, **_facts(here), "choices": [asdict(row) for row in rows]}


def _facts(here: Machine) -> dict[str, Any]:
    import torch

    sm = "sm_{}{}".format(*here.capability) if here.device == "cuda" else None
    return {"capability": sm, "torch": torch.__version__, "triton": here.triton}


def table(name: str, here: Machine, rows: Sequence[Row]) -> str:
    """A device on one screen: what is asked for, in which numbers, what serves it, and why."""
    facts = _facts(here)
    told = [facts["capability"], f"torch {facts['torch']}", f"Triton {facts['triton'] or 'not installed'}"]
    return "\n".join([f"{name}   {', '.join(one for one in told if one)}", *_lines(rows)])


def _lines(rows: Sequence[Row]) -> Iterator[str]:
    cells = [(row.case, " ".join(row.dtypes), row.implementation, row.reason) for row in rows]
    wide = [max(len(cell[column]) for cell in cells) for column in range(3)]
    before = ""
    for row, (*short, reason) in zip(rows, cells, strict=True):
        if row.operation != before:
            yield f"  {row.operation}"
            before = row.operation
        yield "    " + "  ".join(
            [*(cell.ljust(width) for cell, width in zip(short, wide, strict=True)), reason]
        )
