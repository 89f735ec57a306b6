"""`lehr check`: is it right?"""

from __future__ import annotations

import time
from pathlib import Path

import click

from ..compiler import check
from ..compiler.diagnostics.diagnostic import Diagnostic, Severity
from ..compiler.journey import Journey
from .options import colour, find_specs, formats, no_such, settings, show_letters

_ROUNDS = 10


@click.command("check", short_help="Is it right?")
@click.argument("paths", nargs=-1, metavar="[SPEC]...")
@formats("text", "short", "json")
@settings
@colour
@click.option("--fix", is_flag=True, help="Apply the safe fixes, and check what is left.")
@click.option("--quiet", "-q", is_flag=True, help="Say nothing when all is well.")
@click.pass_context
def verb(
    ctx: click.Context,
    paths: tuple[str, ...],
    form: str,
    settings: tuple[str, ...],
    color: str,
    fix: bool,
    quiet: bool,
) -> None:
    """Find what is wrong with specs: files, folders, or `specs/` when none is named.

    Never imports torch, trains nothing, writes nothing.  Exit code 1 when there are errors.
    """
    began = time.perf_counter()
    specs = find_specs(paths)
    letters: list[Diagnostic] = []
    claims = 0
    for spec in specs:
        try:
            journey = _fixed(spec, settings) if fix else check(spec, settings)
        except OSError as error:
            raise no_such(spec, error) from None
        letters += journey.letters
        claims += journey.claims
    _show(letters, form, color)
    if form == "text" and not (quiet and not letters):
        click.echo(_last_line(specs, letters, claims, time.perf_counter() - began), err=True)
    ctx.exit(int(any(letter.severity is Severity.ERROR for letter in letters)))


def _fixed(spec: str, settings: tuple[str, ...]) -> Journey:
    """Apply safe fixes to a spec until none is left; a fix may uncover another."""
    from ..compiler.diagnostics.mend import mended
    from ..runtime.store.atomic import write_bytes

    journey = check(spec, settings)
    for _ in range(_ROUNDS):
        text, applied = mended(journey.source, journey.letters) if journey.source else ("", 0)
        if not applied:
            break
        write_bytes(Path(spec), text.encode())
        click.echo(f"Fixed {applied} in {spec}", err=True)
        journey = check(spec, settings)
    return journey


def _show(letters: list[Diagnostic], form: str, color: str) -> None:
    match form:
        case "json":
            from ..compiler.diagnostics.as_json import document

            click.echo(document(letters), nl=False)
        case "short":
            from ..compiler.diagnostics.short import short

            click.echo(short(letters), nl=False)
        case _:
            show_letters(letters, color)


def _last_line(specs: list[str], letters: list[Diagnostic], claims: int, seconds: float) -> str:
    from ..compiler.diagnostics.summary import summary

    what = specs[0] if len(specs) == 1 else f"{len(specs)} specs"
    said = summary(letters) if letters else "nothing to mend"
    held = f"; {claims} claim{'s' if claims != 1 else ''} hold{'s' if claims == 1 else ''}" if claims else ""
    return f"Checked {what} in {seconds:.2f}s: {said}{held}"
