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

    _write(Path(folder), files(version("lehr")))


@verb.command("manual")
@click.argument("folder", type=click.Path(file_okay=False))
def manual(folder: str) -> None:
    """The generated pages of the manual, into FOLDER: every block kind, every code."""
    from ..compiler.tools.explain import codes
    from ..compiler.tools.manual import blocks

    _write(Path(folder), {"blocks.md": blocks(), "codes.md": codes()})


def _write(folder: Path, files: dict[str, str]) -> None:
    """Texts by path, into a folder that is made where it is missing."""
    from ..runtime.store.atomic import write_bytes

    for path, text in files.items():
        target = folder / path
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            write_bytes(target, text.encode())
        except OSError as error:
            told = (error.strerror or str(error)).lower()
            raise click.UsageError(f"cannot write {target}: {told}") from None
