"""Read everything that can be read; write one letter per broken statement.

Comes after `tables`, before `build`, for a text that `quick` could not read.  Lark parses; this module drives it token
by token, so that a statement that cannot be read is put aside whole: the parser
goes back to where the statement began, is fed what could be saved of it (its
name, with a hole for a value) and carries on behind it.  The answer is always
a tree.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, cast

from lark import Token, Tree, UnexpectedCharacters, UnexpectedToken
from lark.utils import TextSlice

from ..diagnostics.diagnostic import Diagnostic, Label
from ..text import Source, Span
from . import recover, tables
from .depth import Depth
from .fault import WORDS, Failure, TooDeepError, fault
from .letters import explain, letter
from .situation import Fault
from .tree import Branch, Child, Word

MOST_FAULTS = 100

_HEAD = re.compile(r"(?:\s|;|#[^\n]*)*(lehr\b([^\n;#]*))?")
_CONTEXTUAL = frozenset(("at", "by"))


@dataclass(frozen=True, slots=True)
class Opening:
    """An open block: where its `{` stands, and whether it is we who put it there."""

    offset: int
    supposed: bool


class Reader:
    """One reading of one file."""

    def __init__(self, source: Source) -> None:
        self.source, self.text = source, source.text
        self.parser: Any = cast("Any", tables.parser()).parse_interactive(source.text, "file")
        self.state: Any = self.parser.parser_state
        self.lexer: Any = self.parser.lexer_thread
        self.found: list[Diagnostic] = []
        self.blocks: list[Opening] = []
        self.owed = recover.owed(source.text)
        self.supposing = False
        self._keep(0)

    # ---- the journey through the file ----

    def read(self) -> Branch:
        """The tree; the letters are then in `found`."""
        self._head()
        broken: Failure | None = None
        while True:
            try:
                if broken is not None:
                    broken = self._mend(broken)
                self.advance()
                return cast("Branch", _plain(self.parser.feed_eof()))
            except (UnexpectedToken, UnexpectedCharacters, TooDeepError) as error:
                broken = error

    def advance(self) -> None:
        """Read to the end of the file, or to the first thing that cannot be read."""
        for token in self.lexer.lex(self.state):
            if len(self.found) > MOST_FAULTS:
                self._restore()
                break
            self._take(token)
        self._feed("_NL", "", len(self.text))
        self._close_all()

    def _head(self) -> None:
        """The first line: `lehr 1`.  Where it is missing or odd it is supposed."""
        head = cast("re.Match[str]", _HEAD.match(self.text))
        start, end = head.span(1) if head[1] else (head.end(), _line_end(self.text, head.end()))
        if head[1] is None or head[2].strip() != "1":
            self._say(letter("SYN117" if head[1] else "SYN116", Span(self.source, start, end)))
        for kind, text in (("LEHR", "lehr"), ("NUMERAL", "1"), ("_NL", "")):
            self._feed(kind, text, start)
        self._go_to(end if head[1] else 0)

    def _take(self, token: Token) -> None:
        """Feed one token, and keep count of blocks, brackets and statements."""
        start = token.start_pos or 0
        if self.fresh and token.type != "_NL":
            self._close_left_open(token)
        if token.type == "RBRACE" and not self.blocks:
            self._say(letter("SYN118", Span(self.source, start, start + 1)))
            self.owed += 1
            return
        if self.fresh and token.type != "_NL":
            self.start, self.fresh = start, False
        if not self.depth.follow(token.type, len(self.blocks)):
            raise TooDeepError(token)
        self.state.feed_token(token)
        self.previous = str(token) if token.type not in WORDS or token in _CONTEXTUAL else ""
        if token.type == "LBRACE":
            self.blocks.append(Opening(start, self.supposing))
        elif token.type == "RBRACE":
            self.blocks.pop()
        if token.type in ("LBRACE", "_NL"):
            self._keep(start)

    def _feed(self, kind: str, text: str, offset: int) -> None:
        """A token that is not in the text, or not as it stands there."""
        self._take(Token(kind, text, offset, 1, 1, 1, 1, offset + len(text)))

    # ---- blocks left open ----

    def _close_left_open(self, token: Token) -> None:
        """Where a brace is owed, the margin tells whose: a block ends before what is set in no further."""
        start = token.start_pos or 0
        if self.owed <= 0 or not self.blocks or not recover.opens_line(self.text, start):
            return
        margin = recover.indent(self.text, start) + (token.type == "RBRACE")
        while self.owed > 0 and self.blocks and margin <= recover.indent(self.text, self.blocks[-1].offset):
            block = self.blocks[-1]
            if not block.supposed:
                outside = Label(Span(self.source, start, start + len(token)), "stands outside, by its margin")
                self._say(letter("SYN107", self._at(block.offset), outside, text="opened here"))
            self.owed -= 1
            self.fresh = False
            self._feed("RBRACE", "}", start)
            if token.type != "RBRACE":
                self._feed("_NL", "", start)

    def _close_all(self) -> None:
        open_blocks = [self._at(block.offset) for block in self.blocks if not block.supposed]
        if open_blocks:
            others = [Label(span, "and this one") for span in reversed(open_blocks[:-1])]
            self._say(letter("SYN107", open_blocks[-1], *others, text="opened here"))
        while self.blocks:
            self._feed("RBRACE", "}", len(self.text))

    # ---- statements that cannot be read ----

    def _mend(self, error: Failure) -> None:
        met = self.fault(error)
        if self.fresh:
            self.start = met.start
        if self.previous == "}":
            if not self._split(met):
                self._say(self._explain(met))
                self._go_to(max(met.end, recover.end_of(self.text, met.start).offset))
        elif isinstance(error, TooDeepError):
            self._say(letter("SYN121", Span(self.source, met.start, met.end)))
            end = recover.end_of(self.text, self.start, whole=True).offset
            self._skip(end, saving=error.token.type != "LBRACE")
        elif not (self._split(met) or self._suppose_brace(met)):
            self._put_aside(met)

    def fault(self, error: Failure) -> Fault:
        """The situation in which reading failed."""
        accepts = frozenset[str]() if isinstance(error, TooDeepError) else frozenset(self.parser.accepts())
        return fault(error, self.text, accepts, self.previous)

    def _split(self, fault: Fault) -> bool:
        """Two statements on one line: a new line is supposed between them."""
        comma = fault.found == ","
        following = recover.after_blanks(self.text, fault.end) if comma else fault.start
        if "_NL" not in fault.accepts or self.fresh or not recover.begins_statement(self.text, following):
            return False
        if comma and "\n" in self.text[fault.end : following]:
            return False
        span = Span(self.source, fault.start, fault.end)
        self._say(self._explain(fault) if comma else letter("SYN127", span))
        self._feed("_NL", "", following)
        self._go_to(following)
        return True

    def _suppose_brace(self, fault: Fault) -> bool:
        """A block's header without `{`: one is supposed where what follows looks like a body."""
        if "LBRACE" not in fault.accepts:
            return False
        following = recover.after_blanks(self.text, fault.start)
        on_next_line = fault.found == "end" and self.text[following : following + 1] == "{"
        deeper = recover.indent(self.text, following) > recover.indent(self.text, self.start)
        body = deeper and following < len(self.text) and "\n" in self.text[fault.start : following]
        crowded = self.owed < 0 and recover.begins_statement(self.text, fault.start)
        if not (on_next_line or (fault.found == "end" and body) or crowded):
            return False
        self._say(letter("SYN106", self._header(fault.start)))
        if not on_next_line:
            self.owed += 1
            self.supposing = True
            self._feed("LBRACE", "{", fault.start)
            self.supposing = False
        self._go_to(following)
        return True

    def _put_aside(self, fault: Fault) -> None:
        """The statement cannot be saved whole: say why, keep its name, go on behind it."""
        header = recover.header(self.text, self.start)
        if header and header[1] > fault.start:
            self._say(self._explain(fault))
            self._restore()
            for word in header[0]:
                self._feed(*word)
            return self._go_to(header[1])
        end = recover.end_of(self.text, self.start)
        if end.bracket is not None and fault.found not in ("'", '"', "//"):
            over = Label(Span(self.source, fault.start, fault.end), "and not closed here")
            self._say(letter("SYN114", self._at(end.bracket), over, text="opened here"))
        elif "LBRACE" in fault.accepts and "EQUAL" not in fault.accepts and fault.found in ("end", "NAME"):
            self._say(letter("SYN106", self._header(fault.start)))
        else:
            self._say(self._explain(fault))
        return self._skip(end.offset if fault.found != '"' else self._end_of_open_string(end.offset))

    def _end_of_open_string(self, end: int) -> int:
        """An open string in a one-line block has swallowed the block's brace."""
        line = self.text[self.start : end].rstrip()
        if (
            not self.blocks
            or not line.endswith("}")
            or "\n" in self.text[self.blocks[-1].offset : self.start]
        ):
            return end
        self.owed -= 1
        return self.start + len(line) - 1

    def _skip(self, end: int, saving: bool = True) -> None:
        self._restore()
        for word in recover.salvage(self.text, self.start, end) if saving else ():
            self._feed(*word)
        self.owed -= recover.owed(self.text[self.start : end])
        self._go_to(end)

    # ---- small change ----

    def _explain(self, fault: Fault) -> Diagnostic:
        return explain(fault, self.source, first_fault)

    def _say(self, written: Diagnostic) -> None:
        """One more letter, up to a sensible number; `advance` then stops."""
        if len(self.found) < MOST_FAULTS:
            self.found.append(written)
        elif len(self.found) == MOST_FAULTS and written.span:
            self.found.append(letter("SYN133", written.span))

    def _at(self, offset: int) -> Span:
        return Span(self.source, offset, offset + 1)

    def _header(self, end: int) -> Span:
        return Span(self.source, self.start, max(self.start + 1, len(self.text[:end].rstrip())))

    def _go_to(self, offset: int) -> None:
        self.lexer.state.line_ctr.char_pos = offset

    def _keep(self, start: int) -> None:
        """Remember the parser as it is where a statement begins."""
        values: list[Any] = self.state.value_stack
        lengths = [len(_children(value)) for value in values]
        self.kept = (list(self.state.state_stack), list(values), lengths)
        self.start, self.fresh, self.previous = start, True, ""
        self.depth = Depth()

    def _restore(self) -> None:
        """The parser as it was where the statement began; Lark grows lists in place, so they are cut back."""
        states, values, lengths = self.kept
        for value, length in zip(values, lengths, strict=True):
            del _children(value)[length:]
        self.state.state_stack[:], self.state.value_stack[:] = states, values
        self.fresh, self.previous, self.depth = True, "", Depth()


def expression(text: str, start: int, end: int) -> Child:
    """The expression that a stretch of a text is; None where it is none."""
    try:
        tree: Any = cast("Any", tables.parser()).parse(TextSlice(text, start, end), start="expr")
    except (UnexpectedToken, UnexpectedCharacters):
        return None
    return _plain(tree)


def first_fault(text: str) -> Fault | None:
    """The situation in which a snippet first cannot be read."""
    reader = Reader(Source("", text))
    try:
        reader.advance()
    except (UnexpectedToken, UnexpectedCharacters) as error:
        return reader.fault(error)
    return None


def _children(value: Any) -> list[Any]:
    return cast("Any", value).children if isinstance(value, Tree) else []


def _plain(child: Any) -> Child:
    """Lark's tree as `quick` makes it."""
    if isinstance(child, Token):
        return Word(child.type, str(child), child.start_pos or 0, child.end_pos or 0)
    if child is None:
        return None
    tree = cast("Tree[Token]", child)
    children = [_plain(one) for one in tree.children]
    return Branch(str(tree.data), children, tree.meta.start_pos, tree.meta.end_pos)


def _line_end(text: str, offset: int) -> int:
    end = text.find("\n", offset)
    return len(text) if end < 0 else end
