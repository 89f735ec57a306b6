"""`lehr export`: hand it to others."""

from __future__ import annotations

import json
from pathlib import Path

import click

from ..compiler.plan.model import Plan
from .options import colour, show_failure


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


@verb.command("arch")
@click.argument("folder", type=click.Path())
@colour
@click.pass_context
def arch(ctx: click.Context, folder: str, color: str) -> None:
    """The shape of the model in a Hugging Face FOLDER, as an `arch` block; reads its config alone."""
    from ..compiler.tools.arch_text import arch_text
    from ..runtime.errors import LehrError
    from ..runtime.parts.huggingface.config import read

    try:
        found, _ = read(Path(folder))
    except LehrError as error:
        ctx.exit(show_failure(error, None, color))
    click.echo(arch_text(Path(folder).resolve().name, found), nl=False)


@verb.command("hf")
@click.argument("release", type=click.Path())
@click.argument("folder", type=click.Path())
@colour
@click.pass_context
def hf(ctx: click.Context, release: str, folder: str, color: str) -> None:
    """A RELEASE, `runs/<pipeline>/<profile>/release/<name>`, as a complete Hugging Face FOLDER: config, weights,
    tokenizer and model card."""
    from ..runtime.errors import LehrError

    source, target = Path(release), Path(folder)
    if target.exists():
        raise click.UsageError(f"{folder} is there already")
    if not (source / "arch.json").is_file():
        why = "is a Hugging Face folder already" if (source / "config.json").is_file() else "is no release"
        raise click.UsageError(f"{release} {why}")
    try:
        names = _exported(source, target)
    except LehrError as error:
        ctx.exit(show_failure(error, None, color))
    except OSError as error:
        raise click.UsageError(f"cannot write {folder}: {(error.strerror or str(error)).lower()}") from None
    click.echo(f"{len(names)} files in {folder}: {', '.join(names)}", err=True)


def _exported(source: Path, target: Path) -> list[str]:
    """Write the folder beside its place and rename it: it is whole or absent."""
    from ..runtime.parts.huggingface.folder import export
    from ..runtime.parts.model import history
    from ..runtime.parts.model.files import load
    from ..runtime.store.atomic import new_folder

    with new_folder(target) as fresh:
        return export(load(source), history.read(source), source, fresh)


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
