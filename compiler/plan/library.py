"""The Python library's own sources: the text that the built-in corpora are made of.

Every Python carries some ten megabytes of code and prose, so `lehr` has something
to learn from without a download.  It differs from one Python to the next;
therefore the compiler writes this digest into the plan and into every
fingerprint, and the corpus stage refuses to read another library than the one
that was planned.  Nothing outside the standard library is imported here.
"""

from __future__ import annotations

import hashlib
import os
import platform
import sysconfig
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

# Tests, add-ons and programs that come with some installations and not with others, and
# folders that hold no sources.
_PASSED_OVER = frozenset(
    {
        "__pycache__",
        "dist-packages",
        "ensurepip",
        "idle_test",
        "idlelib",
        "lib-dynload",
        "lib2to3",
        "site-packages",
        "test",
        "tests",
        "tkinter",
        "turtledemo",
    }
)
# Written by whoever installed this Python, not by whoever wrote it.
_LOCAL = ("_sysconfigdata", "sitecustomize", "usercustomize")


@lru_cache(maxsize=1)
def library_files() -> tuple[tuple[str, Path], ...]:
    """The standard library's modules as (name with slashes, path), sorted by name."""
    root = Path(sysconfig.get_paths()["stdlib"])
    return tuple(sorted(_modules(root)))


@lru_cache(maxsize=1)
def digest() -> str:
    """Which library this is, such as `CPython 3.11.7 sha256:43d2…`: 15 ms once the files are cached."""
    total = hashlib.sha256()
    for name, path in library_files():
        content = path.read_bytes()
        total.update(f"{name}\0{len(content)}\0".encode())
        total.update(content)
    return f"{platform.python_implementation()} {platform.python_version()} sha256:{total.hexdigest()}"


def _modules(root: Path) -> Iterator[tuple[str, Path]]:
    for folder, folders, files in os.walk(root):
        folders[:] = [name for name in folders if name not in _PASSED_OVER and not name.startswith("config-")]
        for file in files:
            if file.endswith(".py") and not file.startswith(_LOCAL):
                path = Path(folder, file)
                yield path.relative_to(root).as_posix(), path
