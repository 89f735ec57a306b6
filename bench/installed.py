"""Lehr as a user installs it: a wheel in an environment of its own, without what develops it.

A start from a source tree is slower: an editable install is found through a hook, and Lark
imports two packages for building its tables when it finds them, which only the tests need.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parent.parent
WITH_BYTECODE = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
"""An installed package has its bytecode; a machine that forbids to write it would compile at every start."""


@contextmanager
def installed() -> Iterator[Path]:
    """The folder of programs of a new environment that holds Lehr; the environment goes with the block."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        programs = Path(folder) / "bin"
        pip = [str(programs / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "-c", "constraints.txt", "."], check=True, cwd=ROOT, env=WITH_BYTECODE)
        yield programs
