"""Golden files: what a renderer is expected to print, kept beside the test that asks.

`LEHR_GOLDEN=write pytest …` writes them anew; read the difference before committing it.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

Golden = Callable[[str, str], None]


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Golden:
    """`golden("name.txt", actual)` compares with `golden/name.txt` beside the test."""
    folder = request.path.parent / "golden"

    def compare(name: str, actual: str) -> None:
        path: Path = folder / name
        if os.environ.get("LEHR_GOLDEN") == "write":
            folder.mkdir(exist_ok=True)
            path.write_text(actual, encoding="utf-8", newline="\n")
        assert actual == path.read_text(encoding="utf-8")

    return compare
