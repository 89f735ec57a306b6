"""Diagnostics on one line each, for editors' problem lists, grep and people in a hurry."""

from __future__ import annotations

from collections.abc import Sequence

from .cells import visible
from .diagnostic import Diagnostic


def short(diagnostics: Sequence[Diagnostic]) -> str:
    """`path:line:column: severity[CODE] headline`, a line each."""
    return "".join(f"{_line(diagnostic)}\n" for diagnostic in diagnostics)


def _line(diagnostic: Diagnostic) -> str:
    place = f"{diagnostic.span}: " if diagnostic.span else ""
    headline = diagnostic.headline.replace("`", "'")
    return visible(f"{place}{diagnostic.severity}[{diagnostic.code}] {headline}")
