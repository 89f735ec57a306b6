"""Drop newlines inside ( ) and [ ], where they mean nothing.

Stands between Lark's lexer and its parser.  It never looks ahead: the lexer is
contextual, so a token fetched early would be read in the wrong state.
"""

from __future__ import annotations

from collections.abc import Iterator

from lark.lark import PostLex
from lark.lexer import Token


class Newlines(PostLex):
    """The rule "a newline ends a statement, except inside brackets"."""

    always_accept = ("_NL",)

    def process(self, stream: Iterator[Token]) -> Iterator[Token]:
        depth = 0
        for token in stream:
            if token.type in ("LPAR", "LSQB"):
                depth += 1
            elif token.type in ("RPAR", "RSQB"):
                depth = max(0, depth - 1)
            elif token.type in ("LBRACE", "RBRACE"):
                depth = 0  # a brace never stands in a bracket: one was left open
            elif token.type == "_NL" and depth:
                continue
            yield token
