"""C4's rules (Raffel et al. 2020, 2.2): lines that are sentences, pages that are prose.

Its list of bad words is no part of them: see `safety`.
"""

from __future__ import annotations

import re
from typing import Any

from .pieces import sentences

_CITATION = re.compile(r"\[\d*\]|\[edit\]|\[citation needed\]")
_ENDS = (".", "?", "!", '"', "'")
_POLICIES = (
    "terms of use",
    "privacy policy",
    "cookie policy",
    "uses cookies",
    "use of cookies",
    "use cookies",
)
Dropped = dict[str, tuple[int, str]]
"""Lines left out by reason: how many, and the first of them."""


def lines(text: str, limits: Any) -> tuple[str, Dropped, tuple[str, float] | None]:
    """The lines that stay, those that do not, and the rule that the whole page breaks."""
    kept, dropped, count = list[str](), Dropped(), 0
    for whole in text.splitlines():
        line = whole.strip()
        if not line:
            continue
        why, line = _fault(line, limits)
        if why in ("lorem ipsum", "curly bracket"):
            return text, {}, (why, 1)
        if why:
            times, sample = dropped.get(why, (0, line))
            dropped[why] = (times + 1, sample)
            continue
        count += sentences(line)
        kept.append(line)
    if count < limits["sentences"]:
        return text, {}, ("sentences", count)
    return "\n".join(kept), dropped, None


def _fault(line: str, limits: Any) -> tuple[str, str]:
    """What is wrong with a line, and the line without its references."""
    words = line.split()
    if len(line) > limits["longest_word"] and max(map(len, words)) > limits["longest_word"]:
        return "line with an endless word", line
    line = _CITATION.sub("", line)
    if not line.endswith(_ENDS) or line.endswith("..."):
        return "line without an end", line
    if len(words) < limits["line_words"]:
        return "line of few words", line
    low = line.lower()
    if "lorem ipsum" in low:
        return "lorem ipsum", line
    if "javascript" in low:
        return "line about javascript", line
    if "{" in line:
        return "curly bracket", line
    return ("line about policies" if any(one in low for one in _POLICIES) else ""), line
