"""Diagnostics as JSON: one document, or one object a line.

For machines; it holds everything that the letters hold, all fixes included.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from ..text import Source, Span
from .diagnostic import Diagnostic, Fix
from .summary import counts

VERSION = 1


def document(diagnostics: Sequence[Diagnostic]) -> str:
    """One JSON document: `version`, `diagnostics` and `summary`."""
    found = [_diagnostic(diagnostic) for diagnostic in diagnostics]
    whole = {"version": VERSION, "diagnostics": found, "summary": counts(diagnostics)}
    return json.dumps(whole, indent=2, ensure_ascii=False) + "\n"


def lines(diagnostics: Sequence[Diagnostic]) -> str:
    """One JSON object a line (`jsonl`)."""
    return "".join(json.dumps(_diagnostic(found), ensure_ascii=False) + "\n" for found in diagnostics)


def _diagnostic(diagnostic: Diagnostic) -> dict[str, Any]:
    return {
        "code": diagnostic.code,
        "name": diagnostic.name,
        "severity": diagnostic.severity.value,
        "headline": diagnostic.headline,
        "labels": [{"text": label.text, "span": _span(label.span)} for label in diagnostic.labels],
        "notes": list(diagnostic.notes),
        "help": list(diagnostic.help),
        "fix": _fix(diagnostic.fix) if diagnostic.fix else None,
        "stage": diagnostic.stage,
        "profile": diagnostic.profile,
    }


def _fix(fix: Fix) -> dict[str, Any]:
    edits = [{"span": _span(edit.span), "text": edit.text} for edit in fix.edits]
    return {"title": fix.title, "safety": fix.safety, "edits": edits}


def _span(span: Span) -> dict[str, Any]:
    start, end = _position(span.source, span.start), _position(span.source, span.end)
    return {"path": span.source.path, "start": start, "end": end}


def _position(source: Source, offset: int) -> dict[str, int]:
    line, column = source.position(offset)
    return {"line": line, "column": column, "offset": offset}
