"""The formatter: one way to write a spec, and no options.

    text ─► tokens ─► pieces (statements, blocks, comments) ─► lines ─► aligned text

It moves only whitespace, line breaks and the trailing commas of lists; never
tokens, order or units.  What is written twice is written the same, and every
comment stays with its statement.
"""

from __future__ import annotations

from ...diagnostics.diagnostic import Diagnostic
from ...front import parse
from ...text import Source
from .align import aligned
from .lines import lines
from .pieces import pieces
from .tokens import tokens


def formatted(source: Source) -> tuple[str | None, list[Diagnostic]]:
    """The source's text as it should stand; None, and why, where it cannot be read."""
    _, letters = parse(source)
    if letters:
        return None, letters
    laid = lines(pieces(tokens(source.text)), 0)
    return "".join(f"{line}\n" for line in aligned(laid)), []
