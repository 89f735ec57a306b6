"""`lehr export`: hand it to others."""

from __future__ import annotations

import json

import click

from ..compiler.plan.model import Plan


@click.group("export", short_help="Hand it to others.")
def verb() -> None:
    """Write what other programs read."""


@verb.command("schema")
def schema() -> None:
    """The JSON Schema of the plan, on standard output."""
    click.echo(json.dumps(Plan.model_json_schema(), indent=2, sort_keys=True))
