"""`lehr export`: hand it to others."""

from __future__ import annotations

import json
from pathlib import Path

import click

from ..compiler.plan.model import Plan


@click.group("export", short_help="Hand it to others.")
def verb() -> None:
    """Write what other programs and people read."""


@verb.command("schema")
def schema() -> None:
    """The JSON Schema of the plan, on standard output."""
    click.echo(json.dumps(Plan.model_json_schema(), indent=2, sort_keys=True))


@verb.command("editor")
@click.argument("folder", type=click.Path(file_okay=False))
def editor(folder: str) -> None:
    """A VS Code extension with the TextMate grammar, into FOLDER; other editors read the grammar alone."""
    from importlib.metadata import version

    from ..compiler.tools.editor import files
    from ..runtime.store.atomic import write_bytes

    for path, text in files(version("lehr")).items():
        target = Path(folder) / path
        target.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(target, text.encode())


@verb.command("manual")
@click.argument("folder", type=click.Path(file_okay=False))
def manual(folder: str) -> None:
    """The generated pages of the manual, into FOLDER: every block kind, every code."""
    from ..compiler.tools.explain import codes
    from ..compiler.tools.manual import blocks
    from ..runtime.store.atomic import write_bytes

    Path(folder).mkdir(parents=True, exist_ok=True)
    write_bytes(Path(folder) / "blocks.md", blocks().encode())
    write_bytes(Path(folder) / "codes.md", codes().encode())
