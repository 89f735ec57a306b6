"""`lehr verify`: is it what it says?"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click

from .options import formats
from .status import newest_run

_FAULTY = 5


@click.command("verify", short_help="Is it what it says?")
@click.argument("run", required=False, metavar="[RUN]")
@formats("text", "json")
@click.pass_context
def verb(ctx: click.Context, run: str | None, form: str) -> None:
    """Read every byte of what a run has finished, and hold it against what was written down.

    Artifacts against their manifests, releases against their artifacts, and the plan's addresses against
    what its steps come to.  Exits with 5 where something differs.  Without RUN, the newest run under `runs/`.
    """
    from ..compiler.plan.fingerprint import fingerprint
    from ..runtime.engine.proof import checked
    from .amounts import bytes_of, count
    from .stores import store_of
    from .world import earlier

    folder = Path(run) if run else newest_run()
    plan = earlier(folder)
    if plan is None:
        raise click.UsageError(f"there is no run in {folder}")
    addresses: dict[str, str] = {}
    for step in plan.steps:
        inputs = {role: addresses.get(name, "") for role, name in step.inputs.items()}
        addresses[step.address] = fingerprint(step.work, inputs)
    found = list(checked(folder, plan, store_of(plan), addresses))
    faulty = [one for one in found if one.faults]
    if form == "json":
        click.echo(json.dumps([asdict(one) for one in found], indent=2))
    else:
        for one in faulty:
            click.echo("\n".join(f"✗ {one.address}  {fault}" for fault in one.faults))
        read = bytes_of(sum(one.bytes for one in found))
        told = f"{count(len(faulty), 'thing')} of {len(found)} not as written" if faulty else "all as written"
        done = sum(one.what == "artifact" for one in found)
        click.echo(
            f"{folder}: {count(done, 'step')} and {count(len(found) - done, 'release')}, {read}: {told}"
        )
    ctx.exit(_FAULTY if faulty else 0)
