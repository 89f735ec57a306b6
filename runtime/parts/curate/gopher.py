"""Gopher's rules of quality (Rae et al. 2021, A1.1): length, words, symbols, lists, stop words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

STOP_WORDS = frozenset(("the", "be", "to", "of", "and", "that", "have", "with"))
_BULLETS, _ELLIPSES = ("•", "-"), ("...", "…")


def broken(text: str, words: Sequence[str], limits: Any) -> tuple[str, float] | None:
    """The first rule that a document breaks, and its figure."""
    said = [word for word in words if word[0].isalnum() or any(map(str.isalnum, word))]
    low, high = limits["words"]
    if not low <= len(said) <= high:
        return "words", len(said)
    if not said:
        return None
    shortest, longest = limits["mean_word"]
    mean = sum(map(len, said)) / len(said)
    if not shortest <= mean <= longest:
        return "mean length of a word", mean
    symbols = max(text.count("#"), text.count("...") + text.count("…")) / len(words)
    if symbols > limits["symbols"]:
        return "symbols per word", symbols
    lines = text.splitlines()
    bullets = sum(line.lstrip().startswith(_BULLETS) for line in lines) / len(lines)
    if bullets > limits["bullets"]:
        return "lines that are bullets", bullets
    open_ends = sum(line.rstrip().endswith(_ELLIPSES) for line in lines) / len(lines)
    if open_ends > limits["ellipses"]:
        return "lines that end in an ellipsis", open_ends
    letters = sum(word.isalpha() or any(map(str.isalpha, word)) for word in words) / len(words)
    if letters < limits["letters"]:
        return "words with a letter", letters
    stops = len(STOP_WORDS.intersection(words))
    return ("stop words", stops) if stops < limits["stop_words"] else None
