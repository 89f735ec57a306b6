"""`lehr report`: tell the story."""

from __future__ import annotations

import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .options import formats
from .status import newest_run

if TYPE_CHECKING:
    from .reports.told import Told


@click.command("report", short_help="Tell the story.")
@click.argument("run", required=False, metavar="[RUN]")
@formats("html", "markdown", "json")
@click.option("--compare", metavar="RUN", help="Beside another run.")
@click.option(
    "-o",
    "output",
    type=click.Path(dir_okay=False),
    help="Write to this file. Default: standard output; of html, report.html in the run's folder.",
)
def verb(run: str | None, form: str, compare: str | None, output: str | None) -> None:
    """Tell what a run came to, on one page that needs nothing else: the recipe, its timeline, scores, losses,
    what was read of every corpus, gates and claims, what was assumed, artifacts, and how to do it again.

    Without RUN, the newest run under `runs/`.  It works on a run that is under way, too.
    """
    from ..compiler.plan.model import Plan
    from .reports import page

    folder = Path(run) if run else newest_run()
    found = _told(folder)
    other = _told(Path(compare)) if compare else None
    if form == "json":
        import json

        text = json.dumps(asdict(found), indent=2, ensure_ascii=False, default=_plain) + "\n"
    elif form == "markdown":
        text = page.markdown(found, other)
    else:
        text = page.html(found, Plan.model_validate_json((folder / "plan.json").read_bytes()), other)
        output = output or str(folder / "report.html")
    _write(text, output)


def _plain(model: Any) -> Any:
    return model.model_dump()


def _told(folder: Path) -> Told:
    from .reports.told import told

    try:
        return _with_spec(told(folder))
    except (OSError, ValueError):
        raise click.UsageError(f"there is no run in {folder}") from None


def _with_spec(found: Told) -> Told:
    """Claims and assumptions, where the spec is still there and can be read."""
    if not Path(found.spec).is_file():
        return found
    from ..compiler import check
    from ..compiler.tools.fidelity import Origin, fidelity

    journey = check(found.spec, (), (found.profile,) if found.profile != "full" else ("full",))
    view = journey.views.get(found.profile)
    if not journey.file or not journey.sound or view is None:
        return found
    claims = tuple((one.node.claim.span.text, one.verdict.value) for one in view.claims)
    values = fidelity([journey.file, *journey.imported.values()])
    assumed = tuple(
        (f"{one.block} {one.field}".rstrip(), one.text, one.why)
        for one in values
        if one.origin is Origin.ASSUMED
    )
    return replace(found, claims=claims, assumed=assumed)


def _write(text: str, output: str | None) -> None:
    if output is None:
        sys.stdout.write(text)
        return
    from ..runtime.store.atomic import write_bytes

    try:
        write_bytes(Path(output), text.encode())
    except OSError as error:
        raise click.UsageError(f"cannot write {output}: {(error.strerror or str(error)).lower()}") from None
    click.echo(output, err=True)
