"""`lehr check`: is it right?"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from ..compiler import check
from ..compiler.diagnostics.diagnostic import Diagnostic, Severity
from ..compiler.journey import FULL, Journey
from ..compiler.lint.config import Config, find
from .options import colour, find_specs, formats, no_such, profiles, settings, show_letters, spec_files

_ROUNDS = 10
_FOR_PEOPLE = ("text", "short")


@dataclass(frozen=True)
class _Wanted:
    """What a call of `lehr check` asks for."""

    paths: tuple[str, ...]
    form: str
    settings: tuple[str, ...]
    profiles: tuple[str, ...]
    color: str
    select: tuple[str, ...]
    ignore: tuple[str, ...]
    fix: bool
    unsafe: bool
    statistics: bool
    show_allowed: bool
    max_warnings: int | None
    verbose: bool
    quiet: bool


@click.command("check", short_help="Is it right?")
@click.argument("paths", nargs=-1, metavar="[SPEC]...", shell_complete=spec_files)
@formats("text", "short", "json", "jsonl", "sarif", "github")
@settings
@profiles
@colour
@click.option(
    "--select", multiple=True, metavar="RULE", help="Only these: families, codes or names; commas between."
)
@click.option("--ignore", multiple=True, metavar="RULE", help="All but these.")
@click.option("--fix", is_flag=True, help="Apply the safe fixes, and check what is left.")
@click.option("--unsafe", is_flag=True, help="With --fix: those that change the plan, too.")
@click.option("--statistics", is_flag=True, help="How often each rule fires, instead of the letters.")
@click.option("--show-allowed", is_flag=True, help="List what the specs allow, and why.")
@click.option("--max-warnings", type=click.IntRange(min=0), help="Fail when there are more warnings.")
@click.option("--watch", is_flag=True, help="Check again whenever a file changes.")
@click.option(
    "--verbose", "-v", is_flag=True, help="Show notes too: advice, claims that are bent or not asked."
)
@click.option("--quiet", "-q", is_flag=True, help="Say nothing when all is well.")
@click.pass_context
def verb(
    ctx: click.Context,
    wanted: tuple[str, ...],
    select: tuple[str, ...],
    ignore: tuple[str, ...],
    watch: bool,
    **rest: Any,
) -> None:
    """Find what is wrong with specs: files, folders, or `specs/` when none is named.

    Checks the bare spec and every profile in it, or those named with --profile, with the
    rules that `[tool.lehr.lint]` of the nearest pyproject.toml and the flags select.
    Never imports torch, trains nothing, and writes nothing without --fix.  Exit code 1
    when there are errors, or more warnings than allowed.
    """
    call = _Wanted(profiles=wanted, select=_split(select), ignore=_split(ignore), **rest)
    if call.unsafe and not call.fix:
        raise click.UsageError("--unsafe goes with --fix")
    if not watch:
        ctx.exit(_look(call)[0])
    from .watch import again_and_again

    again_and_again(lambda: _look(call)[1])


def _split(words: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(part.strip() for word in words for part in word.split(",") if part.strip())


def _look(call: _Wanted) -> tuple[int, list[Path]]:
    """Check once and show what was found; the exit code, and the files that were read."""
    began = time.perf_counter()
    specs = find_specs(call.paths)
    configs = [find(spec).flagged(call.select, call.ignore) for spec in specs]
    journeys: list[Journey] = []
    for spec, config in zip(specs, configs, strict=True):
        try:
            journeys.append((_fixed if call.fix else _checked)(spec, config, call))
        except OSError as error:
            raise no_such(spec, error) from None
    _answer(call, journeys)
    letters = [found for journey in journeys for found in journey.letters]
    if call.form == "text" and not (call.quiet and not letters):
        click.echo(_last_line(specs, journeys, letters, time.perf_counter() - began), err=True)
    read = [Path(name) for one in journeys for name in (one.path, *one.imported)]
    return _exit_code(letters, configs, call), read


def _exit_code(letters: list[Diagnostic], configs: list[Config], call: _Wanted) -> int:
    """1 when there are errors, or more warnings than the flag or the strictest configuration lets pass."""
    warnings = sum(letter.severity is Severity.WARNING for letter in letters)
    limits = [config.lint.max_warnings for config in configs if config.lint.max_warnings is not None]
    most = call.max_warnings if call.max_warnings is not None else min(limits, default=warnings)
    return int(warnings > most or any(letter.severity is Severity.ERROR for letter in letters))


def _checked(spec: str, config: Config, call: _Wanted) -> Journey:
    return check(spec, call.settings, call.profiles or config.tool.profiles, config)


def _fixed(spec: str, config: Config, call: _Wanted) -> Journey:
    """Apply fixes to a spec until none is left; a fix may uncover another."""
    from ..compiler.diagnostics.mend import mended
    from ..runtime.store.atomic import write_bytes

    journey = _checked(spec, config, call)
    for _ in range(_ROUNDS):
        text, applied = mended(journey.source, journey.letters, call.unsafe) if journey.source else ("", 0)
        if not applied:
            break
        write_bytes(Path(spec), text.encode())
        click.echo(f"Fixed {applied} in {spec}", err=True)
        journey = _checked(spec, config, call)
    return journey


# ---- showing it -----------------------------------------------------------------------------


def _answer(call: _Wanted, journeys: list[Journey]) -> None:
    """Letters as text, as wide and plain as the terminal; the forms for machines are UTF-8 whatever it is."""
    letters = [found for journey in journeys for found in journey.letters]
    if call.form in _FOR_PEOPLE and not call.verbose:
        letters = [one for one in letters if one.severity is not Severity.NOTE]
    if call.statistics:
        from ..compiler.diagnostics.summary import statistics

        click.echo(statistics(letters), nl=False)
    elif call.form == "text":
        show_letters(letters, call.color)
    else:
        told = _written(letters, journeys, call.form)
        click.echo(told if call.form in _FOR_PEOPLE else told.encode(errors="replace"), nl=False)
    if call.show_allowed:
        click.echo(_allowed(journeys), nl=False, err=call.form not in _FOR_PEOPLE)


def _written(letters: list[Diagnostic], journeys: list[Journey], form: str) -> str:
    match form:
        case "short":
            from ..compiler.diagnostics.short import short

            return short(letters)
        case "sarif":
            from importlib.metadata import version

            from ..compiler.diagnostics.sarif import sarif
            from ..compiler.tools.explain import code

            allowed = [one for journey in journeys for one in journey.allowed]
            pages = {one.code: code(one.code) or "" for one in (*letters, *(found for found, _ in allowed))}
            return sarif(letters, version("lehr"), pages, allowed)
        case "github":
            from ..compiler.diagnostics.github import github

            return github(letters)
        case _:
            from ..compiler.diagnostics.as_json import document, lines

            return (document if form == "json" else lines)(letters)


def _allowed(journeys: list[Journey]) -> str:
    """Every excuse in the specs: where, which rule, what it found, and why that is meant."""
    return "".join(
        f"{found.span}: allowed[{found.code}] {found.headline.replace('`', chr(39))} -- {reason}\n"
        for journey in journeys
        for found, reason in journey.allowed
    )


def _last_line(specs: list[str], journeys: list[Journey], letters: list[Diagnostic], seconds: float) -> str:
    """What was checked, what was found, and what became of the claims."""
    from ..compiler.diagnostics.summary import summary

    profiles = sum(len(journey.views) - 1 for journey in journeys)
    allowed = sum(len(journey.allowed) for journey in journeys)
    what = specs[0] if len(specs) == 1 else f"{len(specs)} specs"
    what += f" and {profiles} profile{'s' if profiles != 1 else ''}" if profiles > 0 else ""
    found = [one for one in letters if one.severity is not Severity.NOTE]
    said = (
        summary(found, allowed) if found else "nothing to mend" + (f" ({allowed} allowed)" if allowed else "")
    )
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
