"""`lehr fidelity`: how true is it?"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from .options import colour, formats, no_such, show_letters, spec_files, wants_colour
from .plan import one_spec

if TYPE_CHECKING:
    from ..compiler.front import ast
    from ..compiler.tools.fidelity import Value

_STYLES = {"reported": "green", "derived": "cyan", "assumed": "yellow", "unmarked": "red"}


@click.command("fidelity", short_help="How true is it?")
@click.argument("spec", required=False, shell_complete=spec_files)
@formats("text", "json", "markdown")
@colour
@click.option("--all", "whole", is_flag=True, help="List every value, not only those that nobody reported.")
@click.option("--strict", is_flag=True, help="Exit with 1 where a value says nothing of its origin.")
@click.pass_context
def verb(ctx: click.Context, spec: str | None, form: str, color: str, whole: bool, strict: bool) -> None:
    """Say of every value of a spec where it comes from, and how much of it was reported.

    \b
    batch = 16Mi                   # source: §3.2        reported, and where
    lr    = stage.lr.end                                 derived from another value
    decay = 0.1                    # assumed: as others  assumed, and why
    clip  = 1.0                                          unmarked: nobody can tell
    A comment beside a block's head speaks for the values in it that have none.
    """
    from ..compiler.tools.fidelity import Origin, fidelity

    values = fidelity(_files(ctx, one_spec(spec), color))
    if form == "json":
        click.echo(json.dumps({"version": 1, "values": [_told(one) for one in values]}, indent=2))
    elif form == "markdown":
        click.echo(_page(values), nl=False)
    else:
        click.echo(_text(values, whole, wants_colour(color)), nl=False, color=wants_colour(color))
    ctx.exit(int(strict and any(one.origin is Origin.UNMARKED for one in values)))


def _files(ctx: click.Context, path: str, color: str) -> list[ast.File]:
    """The spec and what it imports; a letter where they cannot be read whole."""
    from ..compiler import check
    from ..compiler.diagnostics.diagnostic import Severity

    try:
        journey = check(path, (), ("full",))
    except OSError as error:
        raise no_such(path, error) from None
    wrong = [one for one in journey.letters if one.severity is Severity.ERROR]
    if wrong or journey.file is None:
        show_letters(wrong, color)
        ctx.exit(1)
    return [journey.file, *journey.imported.values()]


def _told(value: Value) -> dict[str, Any]:
    return {
        "path": value.span.source.path,
        "line": value.span.line,
        "block": value.block,
        "field": value.field,
        "value": value.text,
        "origin": value.origin.value,
        "why": value.why,
    }


def _by_block(values: list[Value]) -> dict[str, list[Value]]:
    """By the name of their block; what is imported says from where."""
    found: dict[str, list[Value]] = {}
    for one in values:
        path = one.span.source.path
        own = path == values[0].span.source.path
        found.setdefault(one.block if own else f"{one.block} ({path})", []).append(one)
    return found


def _counts(values: list[Value]) -> list[int]:
    return [sum(one.origin.value == name for one in values) for name in _STYLES]


def _part(values: list[Value]) -> str:
    from ..compiler.tools.fidelity import share

    part = share(values)
    return "" if part is None else f"{part:.0%}"


def _text(values: list[Value], whole: bool, coloured: bool) -> str:
    blocks = _by_block(values)
    wide = max((len(name) for name in blocks), default=0)
    lines = [f"{' ' * wide}  {'  '.join(_STYLES)}  coverage"]
    for name, ours in [*blocks.items(), ("all", values)]:
        counts = (
            (str(count) if count else "").rjust(len(head))
            for count, head in zip(_counts(ours), _STYLES, strict=True)
        )
        lines.append(f"{name.ljust(wide)}  {'  '.join(counts)}  {_part(ours):>8}".rstrip())
    for origin, style in _STYLES.items():
        listed = [one for one in values if one.origin.value == origin]
        if listed and (whole or origin in ("assumed", "unmarked")):
            lines += ["", click.style(origin, fg=style, bold=True) if coloured else origin]
            lines += _listed(listed)
    return "\n".join(lines) + "\n"


def _listed(values: list[Value]) -> list[str]:
    rows = [
        (f"{one.span.source.path}:{one.span.line}", f"{one.block} {one.field}".rstrip(), one.text, one.why)
        for one in values
    ]
    first, second = (max(len(row[place]) for row in rows) for place in (0, 1))
    third = min(40, max(len(row[2]) for row in rows))
    return [f"  {a.ljust(first)}  {b.ljust(second)}  {c.ljust(third)}  {d}".rstrip() for a, b, c, d in rows]


def _page(values: list[Value]) -> str:
    """A table for each block, as the manual has them."""
    lines: list[str] = []
    for name, ours in _by_block(values).items():
        coverage = _part(ours)
        lines += [f"### `{name}`" + (f": {coverage} reported" if coverage else ""), ""]
        lines += ["| value | | origin | |", "|---|---|---|---|"]
        for one in ours:
            told = one.why.replace("|", "\\|")
            shown = one.text.replace("|", "\\|")
            lines.append(f"| `{one.field or name.split()[-1]}` | `{shown}` | {one.origin.value} | {told} |")
        lines.append("")
    return "\n".join(lines)
