"""From text to tree.  `load` reads a file, `parse` reads its text; both write letters instead of raising.

The next station is `lehr.compiler.graph`, which asks what the tree means.
"""

from __future__ import annotations

from pathlib import Path

from ..diagnostics.diagnostic import Diagnostic, in_order
from ..text import Source, Span
from .ast import File
from .source import decoded, load, too_large

__all__ = ["decoded", "load", "parse", "read"]


def read(path: str | Path, shown_as: str | None = None) -> tuple[File | None, list[Diagnostic]]:
    """A file's tree and what is wrong with it; no tree where the bytes are not text."""
    source, found = load(path, shown_as)
    return parse(source) if source else (None, found)


def parse(source: Source) -> tuple[File, list[Diagnostic]]:
    """A source's tree, always, with a hole wherever something could not be read."""
    if letter := too_large(source):
        return File(Span(source, 0, 0), 1, ()), [letter]
    from . import quick
    from .build import build

    found: list[Diagnostic] = []
    tree = quick.file(source.text)
    if tree is None:
        from .reader import Reader  # Lark takes 30 ms to import

        reader = Reader(source)
        tree, found = reader.read(), reader.found
    file = build(tree, source, found)
    return file, in_order(found)
