"""`lehr explain`: what is this?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from .options import colour, find_specs, formats, no_such, profile, settings

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from ..compiler.journey import Journey


def _completions(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from click.shell_completion import CompletionItem

    return [CompletionItem(name) for name in sorted(_names()) if name.startswith(incomplete)]


def _names() -> list[str]:
    """Everything that has a page."""
    from ..compiler.graph.blocks import KINDS
    from ..compiler.graph.blocks.calls import CALLS
    from ..compiler.tools.explain import pages

    return [*KINDS, *CALLS, "profile", "kernels", *pages(), *(name for name, _ in pages().values())]


@click.command("explain", short_help="What is this?")
@click.argument("words", nargs=-1, metavar="WHAT...", shell_complete=_completions)
@click.option(
    "--spec", metavar="SPEC", help="The spec in which a stage is looked for. Default: those in `specs/`."
)
@click.option("--tokens", is_flag=True, help="Show a row that a stage learns from, token by token.")
@click.option(
    "--row", type=click.IntRange(0), default=0, metavar="N", help="Which row. Default: the first, 0."
)
@formats("text", "json")
@settings
@profile
@colour
@click.pass_context
def verb(
    ctx: click.Context,
    words: tuple[str, ...],
    spec: str | None,
    tokens: bool,
    row: int,
    form: str,
    settings: tuple[str, ...],
    profile: str,
    color: str,
) -> None:
    """Explain a code, a block kind, a call, a quantity, a stage of a spec, or what serves the kernels here.

    \b
    lehr explain SCH101            a letter's page, by its code or its name
    lehr explain distill           a block kind: fields, kinds, defaults
    lehr explain 128k context      what a quantity comes to
    lehr explain long_context      a stage: every value, and where it comes from
    lehr explain tuned --tokens    a row of an `sft`: prompt, answer, template, and what is cut
    lehr explain clean.dropped     what a curation dropped in the newest run, and examples
    lehr explain kernels           which implementation serves this machine, and why
    """
    from ..compiler.tools.explain import code, quantity
    from ..compiler.tools.manual import kind

    what = " ".join(words)
    if not words:
        raise click.UsageError("say what: a code, a block kind, a quantity, or a stage")
    if what == "kernels" and not spec:
        from .show_kernels import show

        ctx.exit(show(form, color))
    if tokens:
        from .show_tokens import show as show_tokens

        ctx.exit(show_tokens(what, spec, settings, profile, row, form, color))
    if what.endswith(".dropped") and not spec:
        from .show_dropped import show as show_dropped

        if show_dropped(what.removesuffix(".dropped")):
            ctx.exit(0)
    if form == "json":
        raise click.UsageError("only `lehr explain kernels` and `--tokens` are told as json")
    page = None if spec else code(what) or kind(what) or quantity(what)
    if page is None and not _show_stages(what, spec, settings, profile):
        raise click.UsageError(_unknown(what, spec))
    if page is not None:
        _show_page(page, color)


def _show_page(page: str, color: str) -> None:
    """Markdown as a terminal shows it; as it is where nobody looks."""
    import shutil
    import sys

    from .options import wants_colour

    coloured = wants_colour(color)
    if not coloured and not sys.stdout.isatty():
        click.echo(page, nl=False)
        return
    from rich.console import Console
    from rich.markdown import Markdown

    width = min(100, shutil.get_terminal_size().columns)
    Console(force_terminal=coloured or None, no_color=not coloured, width=width).print(Markdown(page))


def _show_stages(what: str, spec: str | None, settings: tuple[str, ...], profile: str) -> bool:
    """The block of that address in every spec that has one."""
    from ..compiler.tools.stage import stage

    found = False
    for path in find_specs([spec] if spec else []):
        journey = _travel(path, settings, profile)
        view = journey.views.get(profile)
        rows = stage(view, what) if view else None
        if rows is None or view is None or view.graph is None:
            continue
        block = view.graph.blocks[what]
        click.echo(f"{block.kind} {what}   {block.header.source.path}:{block.header.line}")
        wide = max((len(name) for name, _, _ in rows), default=0)
        middle = min(60, max((len(value) for _, value, _ in rows), default=0))
        for name, value, origin in rows:
            click.echo(f"  {name.ljust(wide)}  {value.ljust(middle)}  {origin}".rstrip())
        found = True
    return found


def _travel(path: str, settings: tuple[str, ...], profile: str) -> Journey:
    from ..compiler import check

    try:
        return check(path, settings, (profile,))
    except OSError as error:
        raise no_such(path, error) from None


def _unknown(what: str, spec: str | None) -> str:
    from ..compiler.diagnostics.nearest import nearest

    close = nearest(what, _names())
    hint = f"; did you mean `{close[0]}`?" if close else ""
    where = f" in {spec}" if spec else ", and no spec here has it"
    return f"nothing is called `{what}`{where}{hint}"
