"""Applying fixes: the safe edits of letters, put into the text they are about."""

from __future__ import annotations

from collections.abc import Sequence

from ..text import Source
from .diagnostic import Diagnostic, Edit


def mended(source: Source, diagnostics: Sequence[Diagnostic], unsafe: bool = False) -> tuple[str, int]:
    """The source's text after every safe fix, and how many were applied; overlapping ones wait for another round.

    `unsafe` ones, which change the plan, are applied where they are asked for.
    """
    wanted = ("safe", "unsafe") if unsafe else ("safe",)
    text, applied, free_from = source.text, 0, len(source.text) + 1
    fixes = [d.fix for d in diagnostics if d.fix and d.fix.safety in wanted and _is_in(d.fix.edits, source)]
    for fix in sorted(fixes, key=lambda fix: _end(fix.edits), reverse=True):
        if _end(fix.edits) > free_from:
            continue
        for edit in sorted(fix.edits, key=lambda edit: edit.span.start, reverse=True):
            text = text[: edit.span.start] + edit.text + text[edit.span.end :]
        free_from = min(edit.span.start for edit in fix.edits)
        applied += 1
    return text, applied


def _is_in(edits: tuple[Edit, ...], source: Source) -> bool:
    return bool(edits) and all(edit.span.source.path == source.path for edit in edits)


def _end(edits: tuple[Edit, ...]) -> int:
    return max(edit.span.end for edit in edits)
