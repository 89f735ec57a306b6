"""The manual's page names every threshold with its default."""

from dataclasses import fields
from pathlib import Path

from lehr.compiler.lint.config import Data, Lint, Schedule
from lehr.compiler.units import digits

PAGE = (Path(__file__).parents[2] / "docs/lint.md").read_text()


def test_the_page_about_linting_has_every_threshold():
    for table in (Schedule, Data):
        for one in fields(table):
            shown = f"{one.default:g}" if isinstance(one.default, float) else digits(one.default)
            row = f"| `{one.name.replace('_', '-')}` | {shown} | {one.metadata['says'].removesuffix('.')} |"
            assert row in PAGE


def test_the_page_about_linting_names_every_key():
    missing = [one.name for one in fields(Lint) if one.name.replace("_", "-") not in PAGE]
    assert missing == []
