"""The tokens of one statement as the rows that it takes, with the blanks between them.

A row ends before an arrow that stood at the beginning of a line, and inside
brackets that were broken over lines: those hold one item per row.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from .tokens import ARROWS, CLOSERS, OPENERS, Token

STEP = 2
_WORDS = frozenset(
    {"in", "of", "at", "by", "within", "and", "or", "not", "if", "then", "else", "via", "floor", "like"}
    | {"carry", "expect", "require", "set", "next", "let"}
)
"""Words after which a bracket begins a value of its own, and a sign belongs to what follows."""


@dataclass(slots=True)
class Row:
    """A line's code; `anchor` and `places` are where alignment may put blanks."""

    indent: int = 0
    code: str = ""
    remark: str = ""
    is_arrow: bool = False
    anchor: int = -1
    places: list[int] = field(default_factory=list[int])


@dataclass(slots=True)
class _Bracket:
    """An open bracket: whether its items stand on rows of their own, and whether commas part them."""

    is_broken: bool
    has_items: bool
    indent: int


def rows(tokens: list[Token], anchor: str) -> list[Row]:
    """The rows of a statement; `anchor` is the token at which neighbours are aligned."""
    return _Flow(tokens, anchor).run()


class _Flow:
    def __init__(self, tokens: list[Token], anchor: str) -> None:
        self.tokens, self.anchor = tokens, anchor
        self.rows = [Row()]
        self.open: list[_Bracket] = []
        self.before: list[Token] = []  # code tokens so far
        self.due: int | None = None  # the indent of a row that begins with the next code token
        self.is_fresh_line = False  # whether a line end came since the last code token

    def run(self) -> list[Row]:
        for index, token in enumerate(self.tokens):
            if token.kind == "newline":
                self.is_fresh_line = True
            elif token.kind == "comment":
                self._comment(token)
            else:
                self._code(index, token)
                self.is_fresh_line = False
        return self.rows

    # ---- one token -----------------------------------------------------------------

    def _comment(self, token: Token) -> None:
        """Behind the row that it stood behind; else on a row of its own."""
        if self.is_fresh_line or self.rows[-1].remark:
            following = self.due if self.due is not None else self._indent_of_arrows()
            self.rows.append(Row(following, "", token.text))
            self.due = following
        else:
            self.rows[-1].remark = token.text
            self.due = self._indent_of_arrows() if self.due is None else self.due

    def _indent_of_arrows(self) -> int:
        return self.open[-1].indent + STEP if self.open else STEP

    def _code(self, index: int, token: Token) -> None:
        if token.kind in ARROWS and not self.open and (self.is_fresh_line or self.rows[-1].remark):
            self.rows.append(Row(STEP, is_arrow=True))
            self.due = None
        if token.kind in CLOSERS:
            self._close()
        elif token.kind == "," and self.open and self._is_last_comma(index):
            return
        if self.due is not None:
            self.rows.append(Row(self.due))
            self.due = None
        self._write(token)
        if token.kind in OPENERS:
            self._open(index)
        elif token.kind == "," and self.open and self.open[-1].is_broken:
            self.due = self.open[-1].indent + STEP
        self.before.append(token)

    def _write(self, token: Token) -> None:
        row = self.rows[-1]
        blank = " " if row.code and self._is_apart(token) else ""
        if not self.open:
            if token.text == self.anchor and row is self.rows[0] and row.anchor < 0:
                row.anchor = len(row.code)
            if row.is_arrow and row.code and (token.text in ("at", "by", "via") or token.kind in ARROWS):
                row.places.append(len(row.code))
        row.code += blank + token.text

    # ---- brackets --------------------------------------------------------------------

    def _open(self, index: int) -> None:
        """A bracket stays broken over lines where it was; round an expression only for a comment's sake."""
        inside = self._inside(index)
        has_items = self._has_code(index) and not self._is_group(index)
        breaks = ("newline", "comment") if has_items else ("comment",)
        is_broken = any(token.kind in breaks for token in inside)
        indent = self.rows[-1].indent
        self.open.append(_Bracket(is_broken, has_items, indent))
        if is_broken:
            self.due = indent + STEP

    def _close(self) -> None:
        bracket = self.open.pop()
        if not bracket.is_broken:
            return
        if bracket.has_items:
            last = next(row for row in reversed(self.rows) if row.code)
            last.code += "" if last.code.endswith(",") else ","
        self.due = bracket.indent

    def _is_last_comma(self, index: int) -> bool:
        """A comma with nothing behind it: broken brackets get theirs back when they close."""
        following = next(t for t in self.tokens[index + 1 :] if t.kind not in ("newline", "comment"))
        return following.kind in CLOSERS

    def _inside(self, index: int) -> list[Token]:
        """The tokens directly between a bracket and its end, those of inner brackets left out."""
        found: list[Token] = []
        depth = 0
        for token in self.tokens[index + 1 : self._closing(index)]:
            depth -= token.kind in CLOSERS
            if depth == 0:
                found.append(token)
            depth += token.kind in OPENERS
        return found

    def _closing(self, index: int) -> int:
        depth = 0
        for at in range(index, len(self.tokens)):
            depth += (self.tokens[at].kind in OPENERS) - (self.tokens[at].kind in CLOSERS)
            if depth == 0:
                return at
        return len(self.tokens)

    def _has_code(self, index: int) -> bool:
        between = self.tokens[index + 1 : self._closing(index)]
        return any(token.kind not in ("newline", "comment") for token in between)

    def _is_group(self, index: int) -> bool:
        """Brackets round an expression, or an index: no comma may end them."""
        follows_value = bool(self.before) and _is_value(self.before[-1])
        return follows_value == (self.tokens[index].kind == "[")

    # ---- blanks ------------------------------------------------------------------------

    def _is_apart(self, token: Token) -> bool:
        """Whether a blank stands before a token."""
        last = self.before[-1]
        if token.kind in (",", ":", ".", "..", *CLOSERS) or last.kind in (".", "..", *OPENERS):
            return False
        if token.kind in OPENERS:
            return not _is_value(last)
        if last.kind in ("+", "-") and self._is_sign(len(self.before) - 1):
            return False
        return not (self._is_fraction(token) or (token.kind == "/" and self._opens_fraction()))

    def _is_sign(self, at: int) -> bool:
        """Whether a plus or minus has nothing on its left: `-1`."""
        return at == 0 or not (_is_value(self.before[at - 1]))

    def _opens_fraction(self) -> bool:
        """`1/256` is written close: digits over a number without a noun."""
        index = len(self.before)
        code = [token for token in self.tokens if token.kind not in ("newline", "comment")]
        return self.before[-1].text.isdecimal() and index + 1 < len(code) and _is_plain(code[index + 1])

    def _is_fraction(self, token: Token) -> bool:
        return (
            len(self.before) > 1
            and self.before[-1].kind == "/"
            and self.before[-2].text.isdecimal()
            and _is_plain(token)
        )


def _is_plain(token: Token) -> bool:
    return token.kind == "number" and " " not in token.text


def _is_value(token: Token) -> bool:
    """Whether a token can end a value, so that a bracket behind it is a call or an index."""
    if token.kind == "name":
        return token.text not in _WORDS
    return token.kind in ("number", "text", *CLOSERS)
