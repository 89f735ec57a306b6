"""What verbs share: their options, finding specs, showing letters."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ..compiler.diagnostics.diagnostic import Diagnostic

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from ..compiler.text import Source, Span

F = TypeVar("F", bound=Callable[..., Any])


def settings(verb: F) -> F:
    return click.option(
        "--set", "settings", multiple=True, metavar="PATH=VALUE", help="Set a param or a field, e.g. seed=2."
    )(verb)


def profiles(verb: F) -> F:
    return click.option(
        "--profile",
        "wanted",
        multiple=True,
        metavar="NAME",
        help="Look at this profile only; `full` is the bare spec.",
    )(verb)


def profile(verb: F) -> F:
    return click.option(
        "--profile",
        "profile",
        default="full",
        metavar="NAME",
        help="Under this profile. Default: the bare spec.",
    )(verb)


def selection(verb: F) -> F:
    verb = click.option("--exclude", multiple=True, metavar="TERMS", help="Leave these steps out.")(verb)
    return click.option(
        "--select",
        "wanted",
        multiple=True,
        metavar="TERMS",
        help="These steps only: anneal+, post[3], kind:dpo, state:changed+.",
    )(verb)


class _Bytes(click.ParamType):
    """A size such as `24GB` or `24GiB`."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        from fractions import Fraction

        from ..compiler.units import KINDS, Quantity, read

        if isinstance(value, int):
            return value
        number = value.rstrip("kMGTPEiB ")
        try:
            found = read(Fraction(number), value[len(number) :].strip(), "")
        except (ValueError, ZeroDivisionError):
            found = None
        if not isinstance(found, Quantity) or found.dims != KINDS["bytes"].dims[0] or found.value < 1:
            self.fail(f"{value!r} is no size; write one such as 24GB", param, ctx)
        return int(found.value)


def _device(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    if value is None or re.fullmatch(r"cpu|cuda(:[0-9]{1,3})?", value):
        return value
    raise click.BadParameter(f"{value!r} is no device; write cpu, cuda, or cuda:1", ctx, param)


def means(verb: F) -> F:
    """With what training stages are run."""
    verb = click.option(
        "--memory",
        type=_Bytes(),
        metavar="SIZE",
        help="What the device may be taken to have, e.g. 24GB: less sends fewer sequences through a model at "
        "once. Default: what it has.",
    )(verb)
    verb = click.option(
        "--device",
        callback=_device,
        metavar="NAME",
        help="Where models compute: cpu, cuda, or cuda:1. Default: the first GPU, else the CPU.",
    )(verb)
    return click.option(
        "--compile", is_flag=True, help="Send layers through torch.compile: slow to start, then faster."
    )(verb)


def quiet(verb: F) -> F:
    return click.option(
        "--quiet", "-q", is_flag=True, help="Say nothing on the way; results, warnings and letters stay."
    )(verb)


def colour(verb: F) -> F:
    return click.option(
        "--color",
        type=click.Choice(["auto", "always", "never"]),
        default="auto",
        help="Colour; auto asks the terminal and NO_COLOR.",
    )(verb)


def formats(*names: str) -> Callable[[F], F]:
    return click.option(
        "--format", "form", type=click.Choice(names), default=names[0], help="How to show it."
    )


def wants_colour(choice: str, stream: Any = None) -> bool:
    if choice != "auto":
        return choice == "always"
    if os.environ.get("NO_COLOR"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or (stream or sys.stdout).isatty()


def writes_unicode(stream: Any = None) -> bool:
    return "utf" in ((stream or sys.stdout).encoding or "").lower()


def spec_files(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """For the shell: the specs and folders that a word may become."""
    from click.shell_completion import CompletionItem

    found = _files(incomplete)
    if len(found) == 1 and found[0].endswith("/"):  # one folder: go in, lest the shell puts a blank after it
        found += _files(found[0])
    return [CompletionItem(one) for one in found]


def _files(begun: str) -> list[str]:
    folder = Path(begun if begun.endswith("/") else Path(begun).parent)
    try:
        found = [one for one in sorted(folder.iterdir()) if one.suffix in (".lehr", ".json") or one.is_dir()]
    except OSError:
        return []
    named = [f"{one}/" if one.is_dir() else str(one) for one in found if not one.name.startswith(".")]
    return [one for one in named if one.startswith(begun)]


def find_specs(paths: Sequence[str], below: bool = False) -> list[str]:
    """The spec files meant: those named, those in named folders (and all `below` them), or those that the
    configuration names; `specs/` where it names none.
    """
    found: list[str] = []
    for path in paths or _configured() or (["specs"] if Path("specs").is_dir() else ["."]):
        if Path(path).is_dir():
            inside = sorted(str(file) for file in Path(path).glob("**/*.lehr" if below else "*.lehr"))
            if not inside:
                raise click.UsageError(f"there is no .lehr file in {path}")
            found += inside
        else:
            found.append(path)
    return found


def _configured() -> list[str]:
    """`specs` of the nearest configuration, seen from the working folder."""
    if not any((folder / "pyproject.toml").is_file() for folder in (Path.cwd(), *Path.cwd().parents)):
        return []
    from ..compiler.lint.config import find

    config = find()
    return [os.path.relpath(config.folder / one) for one in config.tool.specs]


def no_such(path: str, error: OSError) -> click.ClickException:
    """A file that cannot be read: a fault of the command (exit 2)."""
    return click.UsageError(f"cannot read {path}: {(error.strerror or str(error)).lower()}")


def show_letters(letters: Sequence[Diagnostic], choice: str, stream: Any = None) -> None:
    """Letters as text, on standard output unless told otherwise."""
    if letters:
        from ..compiler.diagnostics.text import text

        stream = stream or sys.stdout
        coloured = wants_colour(choice, stream)
        told = text(letters, colour=coloured, unicode=writes_unicode(stream))
        click.echo(told, file=stream, color=coloured)


def show_failure(error: Any, plan: Any, choice: str) -> int:
    """A runtime error as a letter that points into the spec where it can; returns its exit code."""
    from ..compiler.diagnostics.diagnostic import Label

    steps = [step.origin for step in plan.steps if step.address == error.step] if plan else []
    marks = (
        [(error.origin, None, "this gate")] if error.origin else [(one, None, "this stage") for one in steps]
    )
    marks += [(move.origin, move.length, told) for move, told in error.moves]
    sources = {place.path: _source(place.path) for place, _, _ in marks}
    labels = tuple(
        Label(span, told)
        for place, length, told in marks
        if (span := _marked(sources[place.path], place, length))
    )
    letter = Diagnostic(error.code, error.name, error.headline, labels, notes=error.notes, help=error.help)
    show_letters([letter], choice, sys.stderr)
    return error.exit_code


def _source(path: str) -> Source | None:
    """A spec as it is now."""
    from ..compiler.text import Source

    return Source(path, Path(path).read_text(errors="replace")) if Path(path).is_file() else None


def _marked(source: Source | None, origin: Any, length: int | None) -> Span | None:
    """What stands at a place of a spec, up to its brace where no length is given; None where it is gone."""
    from ..compiler.text import Span

    if source is None or origin.line > source.line_count:
        return None
    start, rest = source.offset(origin.line, origin.column), source.line(origin.line)[origin.column - 1 :]
    return Span(source, start, start + min(length or len(rest.split("{")[0].rstrip()), len(rest)))
