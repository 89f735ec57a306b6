"""What a rule is: a function whose annotation says what it looks at, and whose docstring is its page.

    @rule("SCH204", "short-window")
    def short_window(stage: Trained, spec: Spec) -> Findings:

It is handed every block of that kind, every `Claim`, every `Moving` field, the
`ast.File`, or the `Graph` once all of it has been built; a `Pair`, where
`lehr diff --breaking` compares a spec with its past.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from inspect import cleandoc
from typing import Any, get_type_hints

from ..diagnostics.diagnostic import Diagnostic, Edit, Fix, Label, Severity
from ..graph.schema import Block
from ..graph.values import Timeline
from ..text import Span

Findings = Iterator[Diagnostic]
Check = Callable[[Any, Any], Findings]


@dataclass(frozen=True, slots=True)
class Moving:
    """A field that holds a timeline."""

    block: Block
    field: str
    line: Timeline


@dataclass(frozen=True, slots=True)
class Rule:
    """A check under its code.  `subject` is the class of what it is handed.

    Of a rule about a spec and its past, `breaks` says what such a change breaks.
    """

    code: str
    name: str
    check: Check
    subject: type
    page: str
    breaks: str = ""

    @property
    def severity(self) -> Severity:
        return Diagnostic(self.code, self.name, "").severity

    def run(self, subject: Any, spec: Any) -> Findings:
        """The letters about one subject, under the rule's code."""
        for found in self.check(subject, spec):
            stage = found.stage or getattr(subject, "address", None)
            yield Diagnostic(
                self.code, self.name, found.headline, found.labels, found.notes, found.help, found.fix, stage
            )


def rule(code: str, name: str, breaks: str = "") -> Callable[[Check], Rule]:
    """Make a function a rule."""

    def made(check: Check) -> Rule:
        hints = get_type_hints(check)
        subject = hints[next(iter(hints))]
        return Rule(code, name, check, subject, cleandoc(check.__doc__ or ""), breaks)

    return made


def removal(span: Span) -> Edit:
    """Take something out: with its line where it stands alone there, else with the blanks before it."""
    source, line = span.source, span.source.line(span.line)
    start, end = span.start, span.end
    if line.strip() == span.text.strip():
        start = source.offset(span.line, 1)
        end = source.text.find("\n", end) + 1 or len(source.text)
    else:
        before = source.text[:start]
        start = len(before.rstrip(" \t"))
    return Edit(Span(source, start, end), "")


def finding(
    span: Span,
    headline: str,
    label: str = "",
    *,
    also: Iterable[Label] = (),
    notes: Iterable[str] = (),
    help: Iterable[str] = (),
    fix: Fix | None = None,
    stage: str | None = None,
) -> Diagnostic:
    """A letter that has no code yet; its rule puts that on."""
    return Diagnostic(
        "",
        "",
        headline,
        (Label(span, label), *also),
        notes=tuple(notes),
        help=tuple(help),
        fix=fix,
        stage=stage,
    )
