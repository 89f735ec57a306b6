"""HTML to text: the page without its menus, its code and formulas kept as they are.

trafilatura judges what is boilerplate.  What is no HTML passes as it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from .filter import Filtered, Given, Page

_HTML = re.compile(r"<\s*(!doctype\s+html|html|head|body|div|p|article|table|span|h[1-6])[\s>/]", re.I)
_LOOKED_AT = 4096
_CODE = re.compile(r"<(pre|code)\b[^>]*>.*?</\1\s*>", re.I | re.S)
_FORMULAS = re.compile(
    r"<math\b.*?</math\s*>|\\\(.*?\\\)|\\\[.*?\\\]|\$\$.*?\$\$|<script[^>]+math/tex[^>]*>.*?</script\s*>",
    re.I | re.S,
)
_KINDS = ("html", "xhtml")


def keep(pages: Iterator[Page], given: Given) -> Filtered:
    wanted = frozenset(given.settings["keep"])
    for page in pages:
        if not is_html(page):
            if _is_said_to_be_something_else(page):
                yield page.dropped("neither HTML nor text", str(page.meta["type"]))
            else:
                yield page
            continue
        text = text_of(page.text, wanted)
        if text is None:
            yield page.dropped("cannot be read as HTML", len(page.text))
        elif not text.strip():
            yield page.dropped("no text but boilerplate", len(page.text))
        else:
            yield page.but(text)


def is_html(page: Page) -> bool:
    """What the server said, else what the page looks like."""
    told = str(page.meta.get("type", "")).lower()
    return any(kind in told for kind in _KINDS) if told else bool(_HTML.search(page.text[:_LOOKED_AT]))


def _is_said_to_be_something_else(page: Page) -> bool:
    told = str(page.meta.get("type", "text/plain")).lower()
    return not told.startswith("text/")


def text_of(html: str, wanted: frozenset[str]) -> str | None:
    """The text of a page; None where no tree can be made of it."""
    from trafilatura import extract

    if "code" not in wanted:
        html = _CODE.sub(" ", html)
    if "formulas" not in wanted:
        html = _FORMULAS.sub(" ", html)
    try:
        found = extract(
            html,
            include_comments=False,
            include_tables="tables" in wanted,
            include_formatting="code" in wanted,
            deduplicate=False,
        )
    except (ValueError, RecursionError, AssertionError):
        return None
    return found or ""
