"""Diagnostics as workflow commands, which GitHub shows beside the lines of a pull request.

GitHub shows ten of each severity, so errors come first.
"""

from __future__ import annotations

from collections.abc import Sequence

from .diagnostic import Diagnostic, Severity

_COMMANDS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "notice"}
_ORDER = list(_COMMANDS)


def github(diagnostics: Sequence[Diagnostic]) -> str:
    """One command a line."""
    ordered = sorted(diagnostics, key=lambda found: _ORDER.index(found.severity))
    return "".join(f"{_command(found)}\n" for found in ordered)


def _command(found: Diagnostic) -> str:
    under = (f"only under --profile {found.profile}",) if found.profile else ()
    message = "\n".join([found.headline, *found.notes, *found.help, *under])
    return command(_COMMANDS[found.severity], f"{found.code} {found.name}", message, **_place(found))


def command(word: str, title: str, message: str, **place: str | int) -> str:
    """A workflow command, `error`, `warning` or `notice`, about a place: file, line, col, endLine, endColumn."""
    properties = {"title": title, **place}
    told = ",".join(f"{name}={_property(str(value))}" for name, value in properties.items())
    return f"::{word} {told}::{_data(message)}"


def _place(found: Diagnostic) -> dict[str, str | int]:
    """File, line and columns; columns only where the span keeps to one line, for else they are misread."""
    span = found.span
    if span is None:
        return {}
    line, column = span.source.position(span.start)
    end_line, end_column = span.source.position(span.end)
    place: dict[str, str | int] = {"file": span.source.path, "line": line}
    if line == end_line:
        return {**place, "col": column, "endLine": end_line, "endColumn": max(end_column, column + 1)}
    return {**place, "endLine": end_line}


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
