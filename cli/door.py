"""`lehr`: the group of verbs, and the one place where exceptions become exit codes."""

from __future__ import annotations

import gc
import os
import sys
from importlib import import_module
from io import TextIOWrapper
from types import ModuleType
from typing import Any

import click

from ..compiler.errors import BadConfig
from ..runtime.errors import LehrError
from .options import show_failure

# Pydantic asks every installed package whether it changes how models are built.  None may change a plan.
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")


class _NoPlugins(ModuleType):
    """Stands for the module in which pydantic looks for them: that imports the email package and sockets, 20 ms of
    every plan, before it sees that it need not look.  Should pydantic want more of it, it gets the module itself."""

    get_plugins = tuple

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        sys.modules.pop(self.__name__, None)
        return getattr(import_module(self.__name__), name)


if os.environ["PYDANTIC_DISABLE_PLUGINS"] == "__all__":
    sys.modules.setdefault("pydantic.plugin._loader", _NoPlugins("pydantic.plugin._loader"))

VERBS = {
    "check": "Is it right?",
    "fmt": "Make it tidy.",
    "explain": "What is this?",
    "graph": "What depends on what?",
    "plan": "What would happen?",
    "diff": "What changed?",
    "fidelity": "How true is it?",
    "run": "Do it.",
    "status": "How is it going?",
    "resume": "Go on.",
    "report": "Tell the story.",
    "verify": "Is it what it says?",
    "doctor": "What is here?",
    "clean": "What can go?",
    "export": "Hand it to others.",
    "completion": "Complete in the shell.",
}

_RUNNING = ("run", "resume")
_SELDOM = 200_000
"""Objects between two looks for rings.  The other verbs are short, allocate much and free next to nothing, from the
first import on: looking as often as Python does by default takes up to a tenth of their time."""


class Verbs(click.Group):
    """Loads a verb's module when the verb is called, so that `check` never pays for `run`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        if cmd_name not in _RUNNING:
            gc.set_threshold(_SELDOM)
        return import_module(f".{cmd_name}", __package__).verb

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        from ..compiler.diagnostics.nearest import nearest

        if args and args[0] not in VERBS and not args[0].startswith("-"):
            close = nearest(args[0], list(VERBS))
            hint = f" Did you mean `{close[0]}`?" if close else ""
            raise click.UsageError(f"there is no verb `{args[0]}`.{hint}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Verbs"):
            formatter.write_dl(list(VERBS.items()))


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="lehr", message="lehr %(version)s")
def lehr() -> None:
    """A compiler for LLM training pipelines: one spec, checked, planned and run.

    \b
    lehr check specs/quickstart.lehr      find what is wrong, with a line and a fix
    lehr plan  specs/quickstart.lehr      every phase, step and share, before it runs
    lehr run   specs/quickstart.lehr      do it; what is done already is kept
    """


def main(arguments: list[str] | None = None) -> None:
    """Run a verb and exit.  What goes wrong is a letter; a fault of ours leaves a report."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")
    sys.exit(_code(sys.argv[1:] if arguments is None else arguments))


def _code(arguments: list[str]) -> int:
    try:
        return lehr.main(arguments, prog_name="lehr", standalone_mode=False) or 0
    except click.ClickException as error:
        error.show()
        return 2
    except (click.Abort, KeyboardInterrupt):
        click.echo("Interrupted.", err=True)
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except LehrError as error:
        return show_failure(error, None, "auto")
    except BadConfig as error:
        click.echo(f"Error: {error}", err=True)
        return 2
    except Exception:
        _apologise()
        return 3


def _apologise() -> None:
    import tempfile
    import traceback
    from importlib.metadata import version  # imports the email package: 15 ms of every start

    with tempfile.NamedTemporaryFile(
        "w", prefix="lehr-report-", suffix=".txt", delete=False, encoding="utf-8", errors="backslashreplace"
    ) as report:
        report.write(
            f"lehr {version('lehr')}, Python {sys.version}\n{' '.join(sys.argv)}\n\n{traceback.format_exc()}"
        )
    click.echo("This is a fault of Lehr, not of your spec.", err=True)
    click.echo(f"A report is in {report.name}; please send it to the project's issue tracker.", err=True)
