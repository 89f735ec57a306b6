"""What all tests share: steady examples, and golden files.

Hypothesis draws the same examples every time, so that a test fails for whoever
broke it.  Golden files hold what a renderer is expected to print, beside the
test that asks.

`LEHR_GOLDEN=write pytest …` writes them anew; read the difference before committing it.

`LEHR_PROOF_MINUTES=40 pytest -m proof` samples the proofs: they come in another order every day, and those that
have not begun when the minutes are over are skipped, by name.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import pytest
from hypothesis import settings

settings.register_profile("steady", derandomize=True, deadline=None)
settings.load_profile("steady")

# Hundreds of tests start `lehr` as a user would, from bytecode: compiled anew each time, it takes half as long again.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

Golden = Callable[[str, str], None]

MINUTES = float(os.environ.get("LEHR_PROOF_MINUTES", "inf"))
BEGAN = time.monotonic()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Where the proofs are sampled, files of them in the day's order: every process draws the same."""
    files = sorted({item.path for item in items if item.get_closest_marker("proof")})
    if files and "LEHR_PROOF_MINUTES" in os.environ:
        Random(datetime.now(UTC).date().isoformat()).shuffle(files)
        order = {path: place for place, path in enumerate(files)}
        items.sort(key=lambda item: order.get(item.path, len(files)))


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("proof") and time.monotonic() - BEGAN > 60 * MINUTES:
        pytest.skip(f"not begun within {MINUTES:g} minutes")


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
