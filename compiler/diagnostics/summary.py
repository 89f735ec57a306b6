"""The last line: how much is wrong, and how much of it mends itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from .diagnostic import Diagnostic, Severity


def counts(diagnostics: Sequence[Diagnostic]) -> dict[str, int]:
    """How many errors, warnings and notes, and how many safe fixes."""
    found = {f"{severity}s": sum(d.severity is severity for d in diagnostics) for severity in Severity}
    return {**found, "fixable": sum(d.fix is not None and d.fix.safety == "safe" for d in diagnostics)}


def summary(diagnostics: Sequence[Diagnostic], allowed: int = 0) -> str:
    """`2 errors, 1 warning (1 fixable with --fix; 1 allowed)`; nothing where nothing is wrong."""
    found = counts(diagnostics)
    kinds = [_counted(found[f"{severity}s"], severity) for severity in Severity if found[f"{severity}s"]]
    more = [f"{found['fixable']} fixable with --fix"] if found["fixable"] else []
    more += [f"{allowed} allowed"] if allowed else []
    return ", ".join(kinds) + (f" ({'; '.join(more)})" if more else "")


def statistics(diagnostics: Sequence[Diagnostic]) -> str:
    """How often each code was found, the most frequent first; `*` where a fix goes with it."""
    found = Counter((one.code, one.name, str(one.severity)) for one in diagnostics)
    fixable = {one.code for one in diagnostics if one.fix and one.fix.safety == "safe"}
    wide = len(str(max(found.values(), default=0)))
    rows = sorted(found.items(), key=lambda item: (-item[1], item[0]))
    return "".join(
        f"{str(count).rjust(wide)}  {code}  {'*' if code in fixable else ' '}  {name} ({severity})\n"
        for (code, name, severity), count in rows
    )


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
