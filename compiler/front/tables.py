"""The parser's tables: read from a file that ships with the package, or built from the grammar.

Building them takes Lark 70-150 ms, reading them 6 ms, and `lehr check` should
answer in 300.  So they ship, as `tables.json`: nothing is written on the user's
machine, the first run is as fast as the tenth, and there is no cache to go
stale, to fill up or to be tampered with.  JSON, because Lark's own cache is a
pickle.  The file is stamped with the grammar and the version of Lark; where the
stamp differs, the tables are built anew, which is slower and just as right.

After changing the grammar: `python -m lehr.compiler.front.tables`.
"""

from __future__ import annotations

import hashlib
import json
from functools import cache
from pathlib import Path
from typing import Any

import lark
from lark import Lark
from lark.grammar import Rule
from lark.lexer import TerminalDef

from .machine import machine
from .newlines import Newlines
from .quick import MACHINE

_HERE = Path(__file__).parent
GRAMMAR = _HERE / "grammar.lark"
TABLES = _HERE / "tables.json"
_SET_ON_LOADING = ("postlex", "propagate_positions")


@cache
def parser() -> Lark:
    """The parser, from the quickest source that fits the grammar."""
    try:
        return _load()
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return build()


def build(strict: bool = False) -> Lark:
    """The parser, from the grammar.  Strict turns every conflict and collision into an exception."""
    return Lark(
        GRAMMAR.read_text(encoding="utf-8"),
        start=["file", "expr"],
        parser="lalr",
        propagate_positions=True,
        maybe_placeholders=True,
        strict=strict,
        postlex=Newlines(),
    )


def pattern(terminal: str) -> str:
    """The regular expression of a terminal, for whoever reads tokens without parsing."""
    return parser().get_terminal(terminal).pattern.to_regexp()


def words() -> tuple[str, ...]:
    """The words that the grammar knows, `of` among them."""
    found = [one.pattern.value for one in parser().terminals if one.pattern.value.isalpha()]
    return tuple(sorted({*found, "of"}))


def stamp() -> str:
    """What the tables depend on: the grammar's text and the Lark that reads it."""
    return hashlib.sha256(GRAMMAR.read_bytes() + lark.__version__.encode()).hexdigest()


def write() -> None:
    """Build the tables and put them where `parser` and `quick` find them."""
    lark_parser: Any = build()
    data, memo = lark_parser.memo_serialize([TerminalDef, Rule])
    for option in _SET_ON_LOADING:
        del data["options"][option]
    for option in ("transformer", "lexer_callbacks", "_plugins"):
        data["options"].pop(option, None)
    text = json.dumps({"stamp": stamp(), "data": data, "memo": memo}, separators=(",", ":"))
    TABLES.write_text(text + "\n", encoding="utf-8")
    plain = {"stamp": stamp(), **machine(lark_parser)}
    MACHINE.write_text(json.dumps(plain, separators=(",", ":")) + "\n", encoding="utf-8")


def _load() -> Lark:
    stored = json.loads(TABLES.read_text(encoding="utf-8"))
    if stored["stamp"] != stamp():
        raise ValueError("the tables belong to another grammar")
    table = stored["data"]["parser"]["parser"]
    table["tokens"] = _numbered(table["tokens"])
    table["states"] = {state: _numbered(row) for state, row in _numbered(table["states"]).items()}
    return Lark._load_from_dict(  # pyright: ignore[reportPrivateUsage, reportUnknownMemberType]
        stored["data"], _numbered(stored["memo"]), propagate_positions=True, postlex=Newlines()
    )


def _numbered(table: dict[str, Any]) -> dict[int, Any]:
    """JSON keys are strings; the tables' are numbers."""
    return {int(key): value for key, value in table.items()}


if __name__ == "__main__":
    write()
