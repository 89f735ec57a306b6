"""`lehr graph`: what depends on what?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..compiler.diagnostics.diagnostic import Severity
from .options import (
    colour,
    formats,
    no_such,
    profile,
    settings,
    show_letters,
    spec_files,
    wants_colour,
    writes_unicode,
)
from .plan import one_spec

if TYPE_CHECKING:
    from ..compiler.graph.views import View
    from ..compiler.tools.drawing import Drawing


@click.command("graph", short_help="What depends on what?")
@click.argument("spec", required=False, shell_complete=spec_files)
@formats("tree", "dot", "mermaid", "json", "svg")
@settings
@profile
@colour
@click.option("--select", "wanted", multiple=True, metavar="TERMS", help="Draw these only.")
@click.option("--exclude", multiple=True, metavar="TERMS", help="Leave these out.")
@click.option("--unroll", is_flag=True, help="Draw every turn of a loop by itself.")
@click.option(
    "--data", is_flag=True, help="Draw corpora, mixes and prompts too, with how often each is read."
)
@click.option("-o", "output", type=click.Path(dir_okay=False), help="Write to this file.")
@click.pass_context
def verb(
    ctx: click.Context,
    spec: str | None,
    form: str,
    settings: tuple[str, ...],
    profile: str,
    color: str,
    wanted: tuple[str, ...],
    exclude: tuple[str, ...],
    unroll: bool,
    data: bool,
    output: str | None,
) -> None:
    """Show which model starts from which, what each stage reads, and what is released.

    \b
    --select anneal+               anneal, and what follows from it
    --select 1+anneal              anneal, and what it needs directly
    --select "post[2..4].judge"    some turns of a loop
    --select kind:dpo,post[1]      both at once; a space between two means either
    """
    path = one_spec(spec)
    view = _view(path, settings, profile, color)
    if view is None:
        ctx.exit(1)
    drawing = _chosen(view, wanted, exclude, unroll, data)
    _write(_rendered(drawing, form, "never" if output else color), output)


def _view(path: str, settings: tuple[str, ...], profile: str, color: str) -> View | None:
    """A sound view of the spec; None after its errors were shown."""
    from ..compiler import check

    try:
        journey = check(path, settings, (profile,))
    except OSError as error:
        raise no_such(path, error) from None
    view = journey.views.get(profile)
    if journey.sound and view and view.graph:
        return view
    show_letters([one for one in journey.letters if one.severity is not Severity.NOTE], color)
    return None


def _chosen(
    view: View, wanted: tuple[str, ...], exclude: tuple[str, ...], unroll: bool, data: bool
) -> Drawing:
    """What is to be drawn; the turns of loops as one where they are alike."""
    from ..compiler.journey import room_to_recurse
    from ..compiler.tools.draw import draw
    from ..compiler.tools.drawing import DATA, RESOURCES, keep
    from ..compiler.tools.fold import fold, is_even
    from ..compiler.tools.select import Unselected, select

    with room_to_recurse():
        whole = draw(view)
    blocks = {node.address: node for node in whole.nodes if node.address in whole.reads}
    try:
        chosen = select(wanted, exclude, whole.reads, {name: node.kind for name, node in blocks.items()})
    except Unselected as error:
        raise click.UsageError(str(error)) from None
    hidden = RESOURCES if data else (*DATA, *RESOURCES)
    shown = {address for address in chosen if blocks[address].kind not in hidden}
    part = keep(whole, shown or chosen)
    return part if unroll or not is_even(whole, part) else fold(part)


def _rendered(drawing: Drawing, form: str, color: str) -> bytes:
    from ..compiler.tools import markup
    from ..compiler.tools.tree import tree

    match form:
        case "dot":
            return markup.dot(drawing).encode()
        case "mermaid":
            return markup.mermaid(drawing).encode()
        case "json":
            return markup.as_json(drawing).encode()
        case "svg":
            return _svg(markup.dot(drawing))
        case _:
            return tree(drawing, colour=wants_colour(color), unicode=writes_unicode()).encode()


def _svg(dot: str) -> bytes:
    """What Graphviz makes of a drawing."""
    import shutil
    import subprocess

    program = shutil.which("dot")
    if program is None:
        raise click.UsageError(
            "an svg is drawn by `dot` of Graphviz, which is not on PATH: install the package `graphviz`"
            " (apt, brew, conda), or take --format dot to where it is"
        )
    done = subprocess.run([program, "-Tsvg"], input=dot.encode(), capture_output=True, check=False)
    if done.returncode:
        raise click.UsageError(f"`{program} -Tsvg` failed: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout


def _write(found: bytes, output: str | None) -> None:
    from ..runtime.store.atomic import write_bytes

    if output is None:
        click.echo(found, nl=False)
        return
    try:
        write_bytes(Path(output), found)
    except OSError as error:
        told = (error.strerror or str(error)).lower()
        raise click.UsageError(f"cannot write {output}: {told}") from None
    click.echo(f"Written to {output}.", err=True)
