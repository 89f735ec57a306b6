"""What all tests share: steady examples, and golden files.

Hypothesis draws the same examples every time, so that a test fails for whoever
broke it.  Golden files hold what a renderer is expected to print, beside the
test that asks.

`LEHR_GOLDEN=write pytest …` writes them anew; read the difference before committing it.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("steady", derandomize=True, deadline=None)
settings.load_profile("steady")

# Hundreds of tests start `lehr` as a user would, from bytecode: compiled anew each time, it takes half as long again.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

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
