"""The situation in which reading failed.

Made by `reader` from what Lark raises; `letters` finds the words for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

from lark import Token, UnexpectedCharacters, UnexpectedToken

from .situation import Fault

WORDS = frozenset(("NAME", "NUMERAL", "STRING", "HOLE"))


@dataclass
class TooDeepError(Exception):
    """A token that would nest the tree too deeply."""

    token: Token


Failure = UnexpectedToken | UnexpectedCharacters | TooDeepError


def fault(error: Failure, text: str, accepts: frozenset[str], previous: str) -> Fault:
    """What stands where reading failed, what could have stood there, and the word before."""
    if isinstance(error, UnexpectedCharacters):
        at = cast("int", cast("Any", error).pos_in_stream)
        return Fault(at, at + 1, text[at], accepts, previous)
    token = cast("Token", cast("Any", error).token)
    start = token.start_pos or 0
    if token.type in ("_NL", "RBRACE", "$END"):
        return Fault(start, start + (token.type == "RBRACE"), "end", accepts, previous)
    slashes = "//" in (text[start : start + 2], text[max(0, start - 1) : start + 1])
    kind = "//" if slashes else token.type if token.type in WORDS else str(token)
    return Fault(start, start + len(token), kind, accepts, previous)
