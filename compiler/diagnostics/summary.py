"""The last line: how much is wrong, and how much of it mends itself."""

from __future__ import annotations

from collections.abc import Sequence

from .diagnostic import Diagnostic, Severity


def counts(diagnostics: Sequence[Diagnostic]) -> dict[str, int]:
    """How many errors, warnings and notes, and how many safe fixes."""
    found = {f"{severity}s": sum(d.severity is severity for d in diagnostics) for severity in Severity}
    return {**found, "fixable": sum(d.fix is not None and d.fix.safety == "safe" for d in diagnostics)}


def summary(diagnostics: Sequence[Diagnostic]) -> str:
    """`2 errors, 1 warning (1 fixable with --fix)`; nothing where nothing is wrong."""
    found = counts(diagnostics)
    kinds = [_counted(found[f"{severity}s"], severity) for severity in Severity if found[f"{severity}s"]]
    fixable = f" ({found['fixable']} fixable with --fix)" if found["fixable"] else ""
    return ", ".join(kinds) + fixable


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
