"""Diagnostics as SARIF 2.1.0, in the subset that code-scanning dashboards read.

A result keeps its fingerprint when lines above it move: it is made of the code,
the stage and the marked line's text.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from ..text import Source, Span
from .diagnostic import Diagnostic, Edit, Fix, Label, Severity

_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "note"}


def sarif(
    diagnostics: Sequence[Diagnostic],
    version: str,
    pages: Mapping[str, str] | None = None,
    allowed: Sequence[tuple[Diagnostic, str]] = (),
) -> str:
    """One SARIF log; `pages` are the rules' own pages in Markdown, by code; `allowed` letters carry their reasons."""
    everything = [(found, "") for found in diagnostics] + list(allowed)
    codes = sorted({found.code for found, _ in everything})
    names = {found.code: found for found, _ in everything}
    rules = [_rule(names[code], (pages or {}).get(code, "")) for code in codes]
    run: dict[str, Any] = {
        "tool": {"driver": {"name": "lehr", "version": version, "rules": rules}},
        "columnKind": "utf16CodeUnits",
        "results": [_result(found, codes.index(found.code), reason) for found, reason in everything],
    }
    log = {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}
    return json.dumps(log, indent=2, ensure_ascii=False) + "\n"


def _rule(found: Diagnostic, page: str) -> dict[str, Any]:
    words = found.name.replace("-", " ")
    rule: dict[str, Any] = {
        "id": found.code,
        "name": "".join(word.capitalize() for word in found.name.split("-")),
        "shortDescription": {"text": words},
        "defaultConfiguration": {"level": _LEVELS[found.severity]},
    }
    if page:
        rule["help"] = {"text": page, "markdown": page}
    return rule


def _result(found: Diagnostic, index: int, reason: str) -> dict[str, Any]:
    result: dict[str, Any] = {
        "ruleId": found.code,
        "ruleIndex": index,
        "level": _LEVELS[found.severity],
        "message": {"text": _message(found)},
        "partialFingerprints": {"lehr/v1": _fingerprint(found)},
    }
    if found.labels:
        first, *others = found.labels
        result["locations"] = [_location(first)]
        result["relatedLocations"] = [_location(label) for label in others]
    if found.fix and found.fix.safety != "display":
        result["fixes"] = [_fix(found.fix)]
    if reason:
        result["suppressions"] = [{"kind": "inSource", "justification": reason}]
    return result


def _message(found: Diagnostic) -> str:
    """The headline, then what else the letter says; a dashboard shows no excerpt."""
    under = (f"only under --profile {found.profile}",) if found.profile else ()
    return "\n".join([found.headline, *found.notes, *found.help, *under])


def _fingerprint(found: Diagnostic) -> str:
    line = found.span.source.line(found.span.line).strip() if found.span else ""
    parts = (found.code, found.stage or "", found.profile or "", line)
    return hashlib.sha256("\0".join(parts).encode(errors="surrogatepass")).hexdigest()[:32]


def _location(label: Label) -> dict[str, Any]:
    physical = {"artifactLocation": _artifact(label.span.source), "region": _region(label.span)}
    location: dict[str, Any] = {"physicalLocation": physical}
    if label.text:
        location["message"] = {"text": label.text}
    return location


def _artifact(source: Source) -> dict[str, str]:
    return {"uri": quote(source.path.replace("\\", "/"), errors="surrogateescape")}


def _region(span: Span) -> dict[str, int]:
    (line, column), (end_line, end_column) = _place(span.source, span.start), _place(span.source, span.end)
    return {"startLine": line, "startColumn": column, "endLine": end_line, "endColumn": end_column}


def _place(source: Source, offset: int) -> tuple[int, int]:
    """Line and column from 1, columns in UTF-16 code units as SARIF counts them."""
    line, column = source.position(offset)
    before = source.text[offset - column + 1 : offset]
    return line, len(before.encode("utf-16-le", "surrogatepass")) // 2 + 1


def _fix(fix: Fix) -> dict[str, Any]:
    sources = list(dict.fromkeys(edit.span.source for edit in fix.edits))
    changes = [
        {
            "artifactLocation": _artifact(source),
            "replacements": [_replacement(edit) for edit in fix.edits if edit.span.source is source],
        }
        for source in sources
    ]
    return {"description": {"text": fix.title}, "artifactChanges": changes}


def _replacement(edit: Edit) -> dict[str, Any]:
    return {"deletedRegion": _region(edit.span), "insertedContent": {"text": edit.text}}
