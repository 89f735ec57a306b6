"""What a spec allows: `# lehr: allow CODE -- why`, and what is wrong with such a comment.

A comment at the end of a line allows that line; on a line of its own, the next
statement with all that is in it; `allow-file` before the first block, the file.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ..diagnostics.diagnostic import Diagnostic, Edit, Fix, Label, Severity
from ..diagnostics.nearest import nearest
from ..front import ast
from ..graph.letters import CODES as OF_THE_GRAPH
from ..text import Span
from .codes import OF_THE_LINTER, names
from .config import matches
from .rule import removal

_ALLOW = re.compile(r"\s*lehr:\s*(allow-file|allow)(?![\w-])(.*?)(?:--(.*))?$", re.S)
_OTHER = re.compile(r"\s*lehr:\s*([\w-]*)")
_WORD = re.compile(r"[^\s,]+")
_CLAIMS = ("CLM101", "CLM102")
"""What elaboration calls an error and the plan can do without."""


@dataclass(eq=False, slots=True)
class Allow:
    """One comment: the codes, names or families that it allows, where, and why."""

    comment: ast.Comment
    words: tuple[str, ...]
    reason: str
    span: Span
    is_file: bool
    used: set[str] = field(default_factory=set[str])

    def covers(self, found: Diagnostic, header: Span | None) -> bool:
        """Whether a letter, or the block that it is about, stands where this allows it, under a word that it has."""
        inside = bool(self.reason) and any(at is not None and self._holds(at) for at in (found.span, header))
        words = [word for word in self.words if word != "ALL" and matches(word, found.code, found.name)]
        if inside and words and _may_be_allowed(found):
            self.used |= set(words)
            return True
        return False

    def _holds(self, at: Span) -> bool:
        place = self.span
        if at.source is not place.source:
            return False
        return self.is_file or place.start <= at.start < place.end or place.start < at.end <= place.end


class Excused(NamedTuple):
    """A letter that the spec allows, and the reason that it gives."""

    letter: Diagnostic
    reason: str


def leaves_no_plan(found: Diagnostic) -> bool:
    """What neither an allow nor the configuration can excuse: the grammar, and errors of elaboration but for claims."""
    of_the_graph = found.code in OF_THE_GRAPH and found.code not in _CLAIMS
    return found.code.startswith("SYN") or (of_the_graph and found.severity is Severity.ERROR)


def _may_be_allowed(found: Diagnostic) -> bool:
    return not leaves_no_plan(found) and found.code not in OF_THE_LINTER


def allows(file: ast.File) -> list[Allow]:
    """The comments of a file that allow something, in the order of the text."""
    found: list[Allow] = []
    starts: list[Span] | None = None
    for comment in file.comments:
        read = _ALLOW.match(comment.text)
        if read is None:
            continue
        starts = starts if starts is not None else [one.span for one in _statements(file.body)]
        words, reason = tuple(_WORD.findall(read[2] or "")), (read[3] or "").strip()
        place = _place(comment, starts)
        found.append(Allow(comment, words, reason, place, read[1] == "allow-file"))
    return found


def _place(comment: ast.Comment, statements: list[Span]) -> Span:
    """What a comment is about: its line, or the statement after it."""
    source, line = comment.span.source, comment.span.line
    if comment.own_line:
        after = next((span for span in statements if span.start > comment.span.start), None)
        return after or Span(source, comment.span.start, comment.span.end)
    start = source.offset(line, 1)
    return Span(source, start, start + len(source.line(line)))


def _statements(body: Iterable[Any]) -> Iterable[Any]:
    """Every statement, an outer one before those inside it."""
    for statement in body:
        yield statement
        yield from _statements(getattr(statement, "body", ()))


def excuse(
    letters: list[Diagnostic], allowed: list[Allow], headers: Mapping[str, Span]
) -> tuple[list[Diagnostic], list[Excused]]:
    """The letters that stay, and those that the spec allows; `headers` say where each stage is written."""
    stay: list[Diagnostic] = []
    excused: list[Excused] = []
    for found in letters:
        header = headers.get(found.stage or "")
        one = next((allow for allow in allowed if allow.covers(found, header)), None)
        if one is None:
            stay.append(found)
        else:
            excused.append(Excused(found, one.reason))
    return stay, excused


def audit(
    file: ast.File, allowed: list[Allow], counts: Callable[[str, str], bool] | None
) -> list[Diagnostic]:
    """What is wrong with the comments of a file.

    `counts` says whether a rule was on; None where not every rule could look, and
    then nothing can be said of allows that allow nothing.
    """
    found: list[Diagnostic] = []
    first = next((one.span.start for one in file.body if isinstance(one, ast.Block)), None)
    for comment in file.comments:
        other = _OTHER.match(comment.text)
        if other and not _ALLOW.match(comment.text):
            headline = f"`lehr: {other[1]}` means nothing"
            help = ("write `# lehr: allow CODE -- why`",)
            found.append(_letter("LNT203", headline, comment.span, help=help))
    for allow in allowed:
        wrong = _wrong(allow, first)
        found += wrong
        if not wrong and counts is not None:
            found += _unused(allow, counts)
    return found


def _wrong(allow: Allow, first: int | None) -> list[Diagnostic]:
    span = allow.comment.span
    if allow.is_file and first is not None and span.start > first:
        help = ("move it above the first block",)
        return [_letter("LNT203", "`allow-file` stands before the first block", span, help=help)]
    if not allow.words:
        help = ("name what is allowed: `# lehr: allow SCH204 -- why`",)
        return [_letter("LNT203", "this allows nothing: it names no code", span, help=help)]
    found = [one for word in allow.words for one in _unknown(word, span)]
    if not found and not allow.reason:
        help = (f"say why: `# lehr: allow {', '.join(allow.words)} -- …`",)
        headline = "an allow without a reason allows nothing"
        return [_letter("LNT202", headline, span, help=help)]
    return found


def _unknown(word: str, span: Span) -> list[Diagnostic]:
    at = _word_at(word, span)
    known = names()
    if word in known:
        code, name = word, known[word]
    else:
        code = next((code for code, name in known.items() if name == word), "")
        name = word
    if code:
        if _may_be_allowed(Diagnostic(code, name, "")):
            return []
        headline = f"`{word}` cannot be allowed: there is no plan with it"
        return [_letter("LNT204", headline, at, help=("mend it, or take this comment out",))]
    if word in {one[:3] for one in known} - {"SYN", "LNT"}:
        return []
    headline = f"there is no code `{word}`" if word != "ALL" else "an allow names codes, and never everything"
    close = nearest(word, [*known, *known.values()])
    fix = Fix(f"change it to `{close[0]}`", (Edit(at, close[0]),)) if len(close) == 1 else None
    help = (f"did you mean `{close[0]}`?",) if close else ("`lehr explain CODE` explains one",)
    return [_letter("LNT203", headline, at, help=help, fix=fix)]


def _unused(allow: Allow, counts: Callable[[str, str], bool]) -> list[Diagnostic]:
    known = names()
    idle = [
        word
        for word in allow.words
        if word not in allow.used
        and any(matches(word, code, name) and counts(code, name) for code, name in known.items())
    ]
    if not idle:
        return []
    listed = ", ".join(f"`{word}`" for word in idle)
    return [
        _letter("LNT201", f"{listed} does not fire here", allow.comment.span, fix=_shortened(allow, idle))
    ]


def _shortened(allow: Allow, idle: list[str]) -> Fix:
    """Take out the words that allow nothing; with the last of them the comment goes."""
    span = allow.comment.span
    left = [word for word in allow.words if word not in idle]
    if left:
        first = _word_at(allow.words[0], span)
        last = _word_at(allow.words[-1], span)
        return Fix("take it out", (Edit(first.to(last), ", ".join(left)),))
    return Fix("take the comment out", (removal(span),))


def _word_at(word: str, span: Span) -> Span:
    text = span.text
    found = re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", text[text.index("allow") + 5 :])
    start = span.start + text.index("allow") + 5 + (found.start() if found else 0)
    return Span(span.source, start, start + len(word)) if found else span


def _letter(
    code: str, headline: str, span: Span, help: tuple[str, ...] = (), fix: Fix | None = None
) -> Diagnostic:
    return Diagnostic(code, OF_THE_LINTER[code], headline, (Label(span),), help=help, fix=fix)
