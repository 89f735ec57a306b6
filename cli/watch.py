"""Doing something again whenever a file changes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from pathlib import Path

import click

from ..compiler.errors import BadConfig

_PAUSE = 0.2
"""Seconds between two looks; a handful of `stat` calls each, which costs nothing."""


def again_and_again(look: Callable[[], list[Path]]) -> None:
    """Call `look` at once, and again when one of the files that it read has changed; an interrupt ends it."""
    while True:
        files = _looked_at(look)
        before = _stamps(files)
        click.echo("Watching; Ctrl-C ends it.", err=True)
        while _stamps(files) == before:
            time.sleep(_PAUSE)
        click.clear()


def _looked_at(look: Callable[[], list[Path]]) -> list[Path]:
    """The files that were read, and those around them that may come to count."""
    try:
        files = look()
    except click.ClickException as error:
        error.show()
        files = []
    except BadConfig as error:
        click.echo(f"Error: {error}", err=True)
        files = []
    folders = {path.parent for path in files} or {Path()}
    beside = [one for folder in folders for one in folder.glob("*.lehr")]
    return sorted({*files, *beside, *folders, Path("pyproject.toml")})


def _stamps(files: Iterable[Path]) -> list[tuple[int, int] | None]:
    """When each was written last, and how large it is; None where it is gone."""
    return [_stamp(path) for path in files]


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size
