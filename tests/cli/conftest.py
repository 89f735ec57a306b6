"""`lehr` as a user starts it: a process of its own, in a folder of its own."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Lehr = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def lehr(tmp_path: Path) -> Lehr:
    """Run `lehr ARGUMENTS` in `tmp_path`; nothing of the terminal's colours or width comes in."""

    def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        plain = {name: value for name, value in os.environ.items() if name not in ("FORCE_COLOR", "COLUMNS")}
        return subprocess.run(
            [sys.executable, "-m", "lehr.cli", *arguments],
            cwd=tmp_path,
            env={**plain, "PYTHONIOENCODING": "utf-8", **environment},
            capture_output=True,
            text=True,
            timeout=300,
        )

    return run
