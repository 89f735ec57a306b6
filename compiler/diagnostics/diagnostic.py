"""The letter that every pass may write: what is wrong, where, why, what to type instead.

Passes yield these and never raise at a user; `lehr.compiler.diagnostics.text`
and its neighbours render them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from ..text import Span


class Severity(StrEnum):
    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


_BY_FIRST_DIGIT = {"1": Severity.ERROR, "2": Severity.WARNING, "3": Severity.NOTE}


@dataclass(frozen=True, slots=True)
class Label:
    """A marked stretch of source; the first label of a diagnostic is its primary one."""

    span: Span
    text: str = ""


@dataclass(frozen=True, slots=True)
class Edit:
    """Replace what stands at `span` by `text`."""

    span: Span
    text: str


@dataclass(frozen=True, slots=True)
class Fix:
    """A change that mends the fault.

    `safe` keeps the plan as it is or completes an obvious slip; `unsafe` changes
    the plan; `display` is shown and never applied.
    """

    title: str
    edits: tuple[Edit, ...]
    safety: str = "safe"


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One fault.  `code` is stable for ever; its first digit says how bad it is.

    `stage` is the address of the block that it is about, after unrolling; `profile`
    is set when the fault shows only under that profile; `level` when the
    configuration takes it more or less seriously than its code does.
    """

    code: str
    name: str
    headline: str
    labels: tuple[Label, ...] = ()
    notes: tuple[str, ...] = ()
    help: tuple[str, ...] = ()
    fix: Fix | None = None
    stage: str | None = None
    profile: str | None = None
    level: Severity | None = None

    @property
    def severity(self) -> Severity:
        return self.level or _BY_FIRST_DIGIT[self.code[3]]

    @property
    def span(self) -> Span | None:
        return self.labels[0].span if self.labels else None

    def at(self, *labels: Label) -> Diagnostic:
        """The same letter with other labels."""
        return replace(self, labels=labels)


def in_order(found: list[Diagnostic]) -> list[Diagnostic]:
    """By file, offset and code; the same letter about the same place only once."""
    unique = {(d.code, d.headline, d.span): d for d in found}
    return sorted(unique.values(), key=_place)


def _place(diagnostic: Diagnostic) -> tuple[str, int, str]:
    span = diagnostic.span
    return (span.source.path, span.start, diagnostic.code) if span else ("", 0, diagnostic.code)
