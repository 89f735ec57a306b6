"""Tokens gathered into what a file is made of: statements, blocks, comments, blank lines."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from .tokens import ARROWS, CLOSERS, OPENERS, Token


@dataclass(frozen=True, slots=True)
class Blank:
    """One empty line, or several."""


@dataclass(frozen=True, slots=True)
class Remark:
    """A comment on a line of its own."""

    text: str


@dataclass(slots=True)
class Statement:
    """Tokens up to the end of a statement, with the line ends and comments inside it.

    `follows` says that it stands behind another on one line; `remark` is the comment behind it.
    """

    tokens: list[Token]
    follows: bool = False
    remark: str = ""


@dataclass(slots=True)
class Block:
    """A header and what stands between its braces; `opening` is the comment behind its `{`."""

    header: list[Token]
    body: list[Piece]
    is_one_line: bool
    follows: bool = False
    opening: str = ""
    remark: str = ""


Piece = Blank | Remark | Statement | Block


def pieces(tokens: Iterable[Token]) -> list[Piece]:
    """The pieces of a file."""
    return _Gathering(list(tokens)).body()


@dataclass(slots=True)
class _Gathering:
    tokens: list[Token]
    at: int = 0
    last: Statement | Block | None = None
    found: list[Piece] = field(default_factory=list[Piece])

    def body(self) -> list[Piece]:
        """Pieces up to the brace that closes this body, or the end."""
        found: list[Piece] = []
        last: Statement | Block | None = None  # what a comment on this line belongs to
        ends = 1  # line ends since the last piece
        while self.at < len(self.tokens) and self.tokens[self.at].kind != "}":
            token = self.tokens[self.at]
            if token.kind == "newline":
                ends, last = ends + 1, None
                self.at += 1
            elif token.kind == ";":
                self.at += 1
            else:
                if ends > 1 and found:
                    found.append(Blank())
                if token.kind == "comment":
                    self._comment(token, found, last)
                else:
                    last = self._statement(follows=ends == 0)
                    found.append(last)
                ends = 0
        return found

    def _comment(self, token: Token, found: list[Piece], last: Statement | Block | None) -> None:
        self.at += 1
        if last is None:
            found.append(Remark(token.text))
        else:
            last.remark = token.text

    def _statement(self, follows: bool) -> Statement | Block:
        """One statement; a block when it meets a brace."""
        taken: list[Token] = []
        depth = 0
        while self.at < len(self.tokens):
            token = self.tokens[self.at]
            if depth == 0 and token.kind == "{":
                return self._block(taken, follows)
            if depth == 0 and (token.kind in (";", "}") or self._ends()):
                break
            depth += (token.kind in OPENERS) - (token.kind in CLOSERS)
            taken.append(token)
            self.at += 1
        return Statement(taken, follows)

    def _ends(self) -> bool:
        """Whether a line end, or the comment before one, ends the statement: unless an arrow comes next."""
        if self.tokens[self.at].kind not in ("newline", "comment"):
            return False
        for token in self.tokens[self.at :]:
            if token.kind not in ("newline", "comment"):
                return token.kind not in ARROWS
        return True

    def _block(self, header: list[Token], follows: bool) -> Block:
        self.at += 1
        start = self.at
        opening = ""
        if self.at < len(self.tokens) and self.tokens[self.at].kind == "comment":
            opening = self.tokens[self.at].text
            self.at += 1
        body = self.body()
        inside = self.tokens[start : self.at]
        self.at += 1
        one_line = not opening and all(token.kind not in ("newline", "comment") for token in inside)
        return Block(header, body, one_line or not (body or opening), follows, opening)
