"""Read the Python library's modules, and decide which of them nobody learns from.

`prose` and `code` both read here.  The split is by module and shared by the two,
for a held-out docstring must not be learnt by heart from the code around it.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator
from importlib.util import decode_source

from ....compiler.plan.library import library_files
from .documents import drawn_out

TOPICS = "pydoc_data/topics.py"
_ONE_IN = 16


def module_sources() -> Iterator[tuple[str, str]]:
    """Every module as (name, text), but for the tables of characters and the topics, which are no code."""
    for name, path in library_files():
        if name != TOPICS and not name.startswith("encodings/"):
            yield name, decode_source(path.read_bytes())


def topics_source() -> str:
    """The module that holds the language reference; empty where this Python has none."""
    path = dict(library_files()).get(TOPICS)
    return decode_source(path.read_bytes()) if path else ""


def tree_of(source: str) -> ast.Module:
    """A module's tree; what the library's own code is warned about is no news to our user."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(source)


def is_held_out(module: str) -> bool:
    return drawn_out(module, _ONE_IN)
