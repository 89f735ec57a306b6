"""The nearest names: what someone probably meant.

Asked wherever a word is not known: names, fields, kinds, units, settings.
"""

from __future__ import annotations

from collections.abc import Iterable


def nearest(word: str, choices: Iterable[str], most: int = 4) -> list[str]:
    """The choices that are a few slips away from the word, nearest first.

    A slip is a letter too many, too few, wrong, or swapped with its neighbour.
    A third of the letters may be wrong, and one always; a choice that begins
    with the whole word, or the other way round, counts as one slip further.
    """
    allowed = max(1, (len(word) + 1) // 3)
    ranked: list[tuple[int, str]] = []
    for choice in set(choices) - {word}:
        slips = distance(word.lower(), choice.lower(), allowed)
        if slips > allowed and min(len(word), len(choice)) >= 3 and _one_begins_the_other(word, choice):
            slips = allowed
        if slips <= allowed and slips < max(len(word), len(choice)):
            ranked.append((slips, choice))
    return [choice for _, choice in sorted(ranked)[:most]]


def _one_begins_the_other(word: str, choice: str) -> bool:
    return choice.startswith(word) or word.startswith(choice)


def distance(left: str, right: str, limit: int | None = None) -> int:
    """How many slips lie between two words (optimal string alignment)."""
    if limit is not None and abs(len(left) - len(right)) > limit:
        return limit + 1
    before: list[int] = []
    above = list(range(len(right) + 1))
    for i, a in enumerate(left, start=1):
        row = [i]
        for j, b in enumerate(right, start=1):
            cost = min(above[j] + 1, row[j - 1] + 1, above[j - 1] + (a != b))
            if i > 1 and j > 1 and a == right[j - 2] and left[i - 2] == b:
                cost = min(cost, before[j - 2] + 1)
            row.append(cost)
        before, above = above, row
    return above[-1]
