"""`lehr check`: is it right?"""

from __future__ import annotations

import time
from pathlib import Path

import click

from ..compiler import check
from ..compiler.diagnostics.diagnostic import Diagnostic, Severity
from ..compiler.journey import FULL, Journey
from .options import colour, find_specs, formats, no_such, profiles, settings, show_letters, spec_files

_ROUNDS = 10
_FOR_PEOPLE = ("text", "short")


@click.command("check", short_help="Is it right?")
@click.argument("paths", nargs=-1, metavar="[SPEC]...", shell_complete=spec_files)
@formats("text", "short", "json", "jsonl", "sarif", "github")
@settings
@profiles
@colour
@click.option("--fix", is_flag=True, help="Apply the safe fixes, and check what is left.")
@click.option("--verbose", "-v", is_flag=True, help="Show notes too: claims that are bent or not asked.")
@click.option("--quiet", "-q", is_flag=True, help="Say nothing when all is well.")
@click.pass_context
def verb(
    ctx: click.Context,
    paths: tuple[str, ...],
    form: str,
    settings: tuple[str, ...],
    wanted: tuple[str, ...],
    color: str,
    fix: bool,
    verbose: bool,
    quiet: bool,
) -> None:
    """Find what is wrong with specs: files, folders, or `specs/` when none is named.

    Checks the bare spec and every profile in it, or those named with --profile.
    Never imports torch, trains nothing, writes nothing.  Exit code 1 when there are errors.
    """
    began = time.perf_counter()
    specs = find_specs(paths)
    journeys: list[Journey] = []
    for spec in specs:
        try:
            journeys.append((_fixed if fix else check)(spec, settings, wanted or None))
        except OSError as error:
            raise no_such(spec, error) from None
    letters = [found for journey in journeys for found in journey.letters]
    shown = [
        one for one in letters if verbose or form not in _FOR_PEOPLE or one.severity is not Severity.NOTE
    ]
    _show(shown, form, color)
    if form == "text" and not (quiet and not letters):
        click.echo(_last_line(specs, journeys, letters, time.perf_counter() - began), err=True)
    ctx.exit(int(any(letter.severity is Severity.ERROR for letter in letters)))


def _fixed(spec: str, settings: tuple[str, ...], wanted: tuple[str, ...] | None) -> Journey:
    """Apply safe fixes to a spec until none is left; a fix may uncover another."""
    from ..compiler.diagnostics.mend import mended
    from ..runtime.store.atomic import write_bytes

    journey = check(spec, settings, wanted)
    for _ in range(_ROUNDS):
        text, applied = mended(journey.source, journey.letters) if journey.source else ("", 0)
        if not applied:
            break
        write_bytes(Path(spec), text.encode())
        click.echo(f"Fixed {applied} in {spec}", err=True)
        journey = check(spec, settings, wanted)
    return journey


def _show(letters: list[Diagnostic], form: str, color: str) -> None:
    """Letters as text, as wide and plain as the terminal; the forms for machines are UTF-8 whatever it is."""
    if form == "text":
        show_letters(letters, color)
        return
    told = _written(letters, form)
    click.echo(told if form in _FOR_PEOPLE else told.encode(errors="replace"), nl=False)


def _written(letters: list[Diagnostic], form: str) -> str:
    match form:
        case "short":
            from ..compiler.diagnostics.short import short

            return short(letters)
        case "sarif":
            from importlib.metadata import version

            from ..compiler.diagnostics.sarif import sarif
            from ..compiler.tools.explain import code

            return sarif(letters, version("lehr"), {found.code: code(found.code) or "" for found in letters})
        case "github":
            from ..compiler.diagnostics.github import github

            return github(letters)
        case _:
            from ..compiler.diagnostics.as_json import document, lines

            return (document if form == "json" else lines)(letters)


def _last_line(specs: list[str], journeys: list[Journey], letters: list[Diagnostic], seconds: float) -> str:
    """What was checked, what was found, and what became of the claims."""
    from ..compiler.diagnostics.summary import summary

    profiles = sum(len(journey.views) - 1 for journey in journeys)
    what = specs[0] if len(specs) == 1 else f"{len(specs)} specs"
    what += f" and {profiles} profile{'s' if profiles != 1 else ''}" if profiles > 0 else ""
    said = summary([one for one in letters if one.severity is not Severity.NOTE]) or "nothing to mend"
    return f"Checked {what} in {seconds:.2f}s: {said}{_claims(journeys)}"


def _claims(journeys: list[Journey]) -> str:
    """`; 14 claims hold, 1 waits for a run; under profiles 2 are bent, 5 are not asked`."""
    from ..compiler.graph.claims import Verdict

    def count(verdict: Verdict, bare: bool) -> int:
        return sum(j.claims(name, verdict) for j in journeys for name in j.views if (name == FULL) is bare)

    held, open_ = count(Verdict.HOLDS, True), count(Verdict.AT_RUN_TIME, True)
    told = [f"{held} claim{'s hold' if held != 1 else ' holds'}"] if held else []
    told += [f"{open_} wait{'s' if open_ == 1 else ''} for a run"] if open_ else []
    bent, unasked = count(Verdict.BENT, False), count(Verdict.NOT_ASKED, False)
    rest = [
        f"{n} {'is' if n == 1 else 'are'} {what}" for n, what in ((bent, "bent"), (unasked, "not asked")) if n
    ]
    return "".join(
        [f"; {', '.join(told)}" if told else "", f"; under profiles {', '.join(rest)}" if rest else ""]
    )
