"""`lehr diff`: what changed?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .options import colour, formats, profile, selection, settings, show_letters, spec_files

if TYPE_CHECKING:
    from ..compiler.diagnostics.diagnostic import Diagnostic
    from ..compiler.plan.compare import Decision
    from ..compiler.tools.differ import Difference, Pipeline
    from .operands import Opened, Operand

NOTHING, BROKEN, CHANGED = 0, 1, 4
CATEGORIES = ("SPEC", "PLAN", "WEIGHTS", "RELEASE")
"""Those of `compiler.lint.pair`, which `--help` need not load."""


class Divided(click.Command):
    """Keeps what stands after `--` apart, as git does: specs that are read at a revision."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        place = args.index("--") if "--" in args else len(args)
        ctx.meta["paths"] = tuple(args[place + 1 :])
        return super().parse_args(ctx, args[:place])


@click.command("diff", cls=Divided, short_help="What changed?")
@click.argument("words", nargs=-1, metavar="BEFORE [AFTER] [-- SPEC]...", shell_complete=spec_files)
@formats("text", "json", "github")
@settings
@profile
@selection
@colour
@click.option(
    "--breaking",
    is_flag=False,
    flag_value="SPEC",
    type=click.Choice(CATEGORIES, case_sensitive=False),
    help="What the change breaks, instead of what it is. Alone: SPEC, the strictest.",
)
@click.option("--all", "everything", is_flag=True, help="List every turn of every loop, and every step.")
@click.option("--exit-code", is_flag=True, help="Exit with 4 when something changed.")
@click.pass_context
def verb(
    ctx: click.Context,
    words: tuple[str, ...],
    form: str,
    settings: tuple[str, ...],
    profile: str,
    wanted: tuple[str, ...],
    exclude: tuple[str, ...],
    color: str,
    breaking: str | None,
    everything: bool,
    exit_code: bool,
) -> None:
    """Show what changed between two pipelines, what follows from it, and what would run again.

    Either side is a spec, a saved plan, a run's folder, or a revision of git.  What was only
    reordered or laid out anew is the same.

    \b
    lehr diff a.lehr b.lehr               two files
    lehr diff main -- specs/llama3.lehr   a spec as it was at `main`, and as it is now
    lehr diff v1 v2                       all specs between two revisions
    lehr diff runs/llama3/full now.lehr   what a run did, and a spec

    --breaking finds what a change breaks: SPEC (params that scripts set), PLAN (names of
    stages), WEIGHTS (budgets, diets, rates) or RELEASE (what others load), each with those
    after it.  It exits with 1 when it finds something.
    """
    from .operands import pairs

    if breaking:
        ctx.exit(_broken(words, ctx.meta["paths"], settings, profile, color, form, breaking.upper()))
    found: list[Difference] = []
    failed = False
    for before, after in pairs(words, ctx.meta["paths"]):
        one = _compared(before, after, settings, profile, color, (wanted, exclude))
        failed = failed or one is None
        found += [one] if one else []
    _answer(found, form, everything)
    changed = any(not one.is_empty for one in found)
    ctx.exit(BROKEN if failed else CHANGED if exit_code and changed else NOTHING)


def _compared(
    before: Operand,
    after: Operand,
    settings: tuple[str, ...],
    profile: str,
    color: str,
    terms: tuple[tuple[str, ...], tuple[str, ...]],
) -> Difference | None:
    """What changed between two sides; None after the errors of one were shown."""
    from ..compiler.tools.differ import difference, missing, only
    from ..compiler.tools.select import Unselected
    from .operands import opened

    if before.path == after.path and before.exists != after.exists:
        return missing(before.name, after.name, profile, is_new=after.exists)
    sides = [opened(one, settings, profile) for one in (before, after)]
    pipelines = [_sound(one, color) for one in sides]
    one, other = pipelines
    if one is None or other is None:
        return None
    found = difference(one, other, _decisions(other, before, after))
    if not any(terms[0]) and not any(terms[1]):
        return found
    try:
        return only(found, (one, other), *terms)
    except Unselected as error:
        raise click.UsageError(str(error)) from None


def _sound(side: Opened, color: str) -> Pipeline | None:
    import sys

    show_letters(side.letters, color, sys.stderr)
    return side.pipeline


def _decisions(after: Pipeline, *operands: Operand) -> list[Decision]:
    """What a run of the plan after the change would do, in the run's folder that is an operand or its own."""
    from .world import compare, settled

    folder = next((Path(one.path) for one in operands if one.is_run), None)
    return compare(settled(after.plan), current=after.plan, run=folder)


def _broken(
    words: tuple[str, ...],
    paths: tuple[str, ...],
    settings: tuple[str, ...],
    profile: str,
    color: str,
    form: str,
    category: str,
) -> int:
    """Letters about what the change breaks; the exit code."""
    from ..compiler.journey import all_gone, broken
    from .operands import opened, pairs

    letters: list[Diagnostic] = []
    failed, allowed = False, 0
    for before, after in pairs(words, paths):
        if not (before.is_spec and after.is_spec):
            raise click.UsageError("--breaking compares specs: a plan no longer says what was written")
        if before.path == after.path and not before.exists:
            continue
        gone = before.path == after.path and not after.exists
        sides = [opened(one, settings, profile) for one in ((before,) if gone else (before, after))]
        journeys = [one.journey for one in sides if _sound(one, color) and one.journey]
        failed = failed or len(journeys) < len(sides)
        if len(journeys) == 2:
            found, excused = broken(journeys[0], journeys[1], profile, category)
            letters, allowed = letters + found, allowed + len(excused)
        elif gone and journeys:
            letters += all_gone(journeys[0], profile)
    _show_letters(letters, form, color)
    if form == "text":
        told = f"{len(letters)} found" if letters else "nothing is broken"
        click.echo(f"Compared by {category}: {told}" + (f", {allowed} allowed" if allowed else ""), err=True)
    return BROKEN if failed or letters else NOTHING


def _show_letters(letters: list[Diagnostic], form: str, color: str) -> None:
    from ..compiler.diagnostics.as_json import document
    from ..compiler.diagnostics.github import github

    match form:
        case "json":
            click.echo(document(letters), nl=False)
        case "github":
            click.echo(github(letters), nl=False)
        case _:
            show_letters(letters, color)


def _answer(found: list[Difference], form: str, everything: bool) -> None:
    from .show_diff import as_github, show

    match form:
        case "json":
            import json

            document: dict[str, Any] = {"version": 1, "specs": [one.model_dump(mode="json") for one in found]}
            click.echo(json.dumps(document, indent=2, ensure_ascii=False))
        case "github":
            click.echo(as_github(found), nl=False)
        case _:
            click.echo("\n\n".join(show(one, everything) for one in found))
