"""FineWeb's rules (Penedo et al. 2024, 3.6): lines that end, lines that are short, lines that come twice."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .repetition import copies

ENDS = (".", "?", "!", "。", "．", "？", "！", "｡", "؟", "۔", "।", "॥", "։", "።", "⸮", "‽", "⁇", "⁈", "⁉")
"""Marks that end a sentence."""


def broken(text: str, words: Sequence[str], limits: Any) -> tuple[str, float] | None:
    """The first rule that a document breaks, and its figure."""
    lines = [line for line in text.split("\n") if line.strip()]
    if not lines:
        return "empty", 0
    ended = sum(line.endswith(ENDS) for line in lines) / len(lines)
    if ended < limits["lines_end_with_punctuation"]:
        return "lines that end with punctuation", ended
    longest = limits["short_line"]
    short = sum(len(line) <= longest for line in lines) / len(lines)
    if short > limits["short_lines"]:
        return "short lines", short
    breaks = text.count("\n")
    copied = copies(lines)[1] / (len(text) - breaks)
    if copied > limits["repeated_lines"]:
        return "characters in repeated lines", copied
    listed = breaks / len(words)
    return ("line breaks per word", listed) if listed > limits["line_breaks"] else None
