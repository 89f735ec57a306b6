"""The version is written twice, and is the same."""

from __future__ import annotations

import tomllib
from pathlib import Path

from lehr.compiler.plan.version import VERSION


def test_the_package_and_the_code_have_one_version():
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))[
        "project"
    ]
    assert project["version"] == VERSION
