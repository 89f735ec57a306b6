"""Comments: found in one sweep over the text, and handed to the tree.

The lexer throws comments away; the formatter, the linter's allowances, doc
comments and the notes behind fields all want them.  Comes before `build`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..text import Source, Span
from .ast import Comment

_STRING_OR_COMMENT = re.compile(r'"(?:\\.|[^"\\\n])*"|#[^\n]*')


def comments(source: Source) -> tuple[Comment, ...]:
    """Every comment of a source, in order."""
    found = _STRING_OR_COMMENT.finditer(source.text)
    return tuple(_comment(source, match) for match in found if match[0][0] == "#")


def _comment(source: Source, match: re.Match[str]) -> Comment:
    text = match[0].removesuffix("\r")
    span = Span(source, match.start(), match.start() + len(text))
    line_start = source.text.rfind("\n", 0, span.start) + 1
    return Comment(span, text[1:], source.text[line_start : span.start].isspace() or line_start == span.start)


@dataclass(frozen=True, slots=True)
class Beside:
    """Comments by the line on which they stand."""

    notes: dict[int, str]
    docs: dict[int, str]

    def note(self, span: Span) -> str:
        """The trailing comment of a field: on its first line or, failing that, its last."""
        if not self.notes:
            return ""
        first = self.notes.get(span.line, "")
        return first or self.notes.get(span.source.position(span.end)[0], "")

    def doc(self, line: int) -> str:
        """The `##` lines that stand directly above a line."""
        above: list[str] = []
        while (line := line - 1) in self.docs:
            above.append(self.docs[line])
        return "\n".join(reversed(above))


def beside(found: tuple[Comment, ...]) -> Beside:
    """The comments of a file, by line."""
    docs = {c.span.line: c.text[1:].removeprefix(" ") for c in found if c.own_line and c.text.startswith("#")}
    return Beside({c.span.line: c.text.strip() for c in found if not c.own_line}, docs)
