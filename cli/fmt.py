"""`lehr fmt`: make it tidy."""

from __future__ import annotations

import difflib
import sys
from pathlib import Path

import click

from ..compiler.diagnostics.diagnostic import Diagnostic
from ..compiler.text import Source
from .options import colour, find_specs, no_such, show_letters, spec_files


@click.command("fmt", short_help="Make it tidy.")
@click.argument("paths", nargs=-1, metavar="[SPEC]...", shell_complete=spec_files)
@click.option(
    "--check", "only_check", is_flag=True, help="Write nothing; exit with 1 when something would change."
)
@click.option("--diff", "as_diff", is_flag=True, help="Write nothing; show what would change.")
@colour
@click.pass_context
def verb(ctx: click.Context, paths: tuple[str, ...], only_check: bool, as_diff: bool, color: str) -> None:
    """Lay out specs the one way: files, folders with all below them, or `specs/`; `-` reads standard input.

    There are no options of taste.  Comments stay, and so does every token.
    """
    if paths == ("-",):
        ctx.exit(_stdin(only_check, as_diff, color))
    changed, kept, broken = 0, 0, 0
    for path in find_specs(paths, below=True):
        source, text, letters = _tidy(path)
        if text is None:
            show_letters(letters, color)
            broken += 1
        elif text == _read(path):
            kept += 1
        else:
            changed += 1
            _change(path, source, text, only_check, as_diff)
    _say(changed, kept, broken, only_check or as_diff)
    ctx.exit(int(bool(broken or (changed and (only_check or as_diff)))))


def _tidy(path: str) -> tuple[Source, str | None, list[Diagnostic]]:
    from ..compiler.front import load
    from ..compiler.tools.format import formatted

    try:
        source, letters = load(path)
    except OSError as error:
        raise no_such(path, error) from None
    if source is None:
        return Source(path, ""), None, letters
    return source, *formatted(source)


def _read(path: str) -> str:
    """The file as it is, line ends and byte order mark included."""
    return Path(path).read_bytes().decode("utf-8", "replace")


def _change(path: str, source: Source, text: str, only_check: bool, as_diff: bool) -> None:
    if as_diff:
        _show_diff(source, text)
    elif only_check:
        click.echo(f"would reformat {path}")
    else:
        from ..runtime.store.atomic import write_bytes

        write_bytes(Path(path), text.encode())
        click.echo(f"   Formatted {path}", err=True)


def _show_diff(source: Source, text: str) -> None:
    before, after = source.text.splitlines(keepends=True), text.splitlines(keepends=True)
    click.echo("".join(difflib.unified_diff(before, after, source.path, source.path)), nl=False)


def _say(changed: int, kept: int, broken: int, dry: bool) -> None:
    unread = f", {broken} cannot be read" if broken else ""
    if not dry:
        click.echo(f"   {changed} changed, {kept} unchanged{unread}", err=True)
    elif changed or broken:
        files = changed + kept + broken
        is_are = "is" if changed == 1 else "are"
        click.echo(
            f"   {changed} of {files} file{'s' if files != 1 else ''} {is_are} untidy{unread}", err=True
        )


def _stdin(only_check: bool, as_diff: bool, color: str) -> int:
    from ..compiler.tools.format import formatted

    text = sys.stdin.buffer.read().decode("utf-8-sig", "replace")
    source = Source("<stdin>", text)
    tidy, letters = formatted(source)
    if tidy is None:
        show_letters(letters, color, sys.stderr)
        return 1
    if as_diff:
        _show_diff(source, tidy)
    elif not only_check:
        click.echo(tidy, nl=False)
    return int(tidy != text and (only_check or as_diff))
