"""Where a broken statement ends, and what of it can be saved.

Pure questions about the text, asked by `reader` when a statement cannot be read.
Braces and brackets in the part that is skipped are counted, so that a broken
one-line block does no harm to its neighbours.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

Word = tuple[str, str, int]
"""A token to feed: its type, its text and the offset at which it stands."""

_NAME = r"[A-Za-z_][A-Za-z0-9_]*+"  # possessive: a line of a megabyte must not be tried from every letter
_PATH = rf"{_NAME}(?:\.{_NAME})*"
_SWORN = r"import|param|let|next|expect|require|set|scale|repeat|each"
_PIECE = re.compile(r'"(?:\\.|[^"\\\n])*"?|\'[^\'\n]*\'|#[^\n]*|//[^\n]*|[\n;{}()\[\]]')
_STATEMENT = re.compile(
    rf"(?:(?:{_SWORN})[ \t]+[\"A-Za-z_0-9(\[]|{_PATH}[ \t]*=(?!=)"
    rf"|{_NAME}(?:[ \t]+{_NAME})?(?:[ \t]+like[ \t]+{_PATH})?[ \t]*\{{)"
)
_ARROW = re.compile(r"(?:\r?\n[ \t]*(?:#[^\n]*)?)*\n[ \t]*(?:->|~>)")
_MARGIN = re.compile(r"[ \t]*")
_BLANK = re.compile(r"(?:\s|#[^\n]*)*")
_LOOP_HEADER = re.compile(r"(repeat|each)\b([^{}\n]*)\{")
_BLOCK_HEADER = re.compile(rf"({_NAME})(?:[ \t]++({_NAME}))?[^={{}}\n#;]*\{{")
_FIELD = re.compile(rf"({_PATH})\b[ \t]*+(?!{_NAME})(?!\{{)")
_TWO_NAMES = re.compile(rf"({_NAME})[ \t]+({_NAME})\b(?![ \t]*=)")
_NAMED = re.compile(rf"(let|param|next)[ \t]+({_NAME})")
_ALIAS = re.compile(rf"import\b[^\n]*\bas[ \t]+({_NAME})")


@dataclass(frozen=True, slots=True)
class End:
    """Where a statement is over, and the bracket that was then still open."""

    offset: int
    bracket: int | None


def owed(text: str) -> int:
    """How many closing braces a stretch of text lacks; below zero, how many it has too many."""
    return sum((piece[0] == "{") - (piece[0] == "}") for piece in _PIECE.finditer(text))


def begins_statement(text: str, offset: int) -> bool:
    """Whether a statement seems to begin here."""
    return _STATEMENT.match(text, offset) is not None


def indent(text: str, offset: int) -> int:
    """How far the line of an offset is set in."""
    start = text.rfind("\n", 0, offset) + 1
    blanks = _MARGIN.match(text, start)
    return len(blanks[0]) if blanks else 0


def opens_line(text: str, offset: int) -> bool:
    """Whether only blanks stand before the offset on its line."""
    while offset > 0 and text[offset - 1] in " \t":
        offset -= 1
    return offset == 0 or text[offset - 1] == "\n"


def after_blanks(text: str, offset: int) -> int:
    """The next offset that is neither blank nor comment."""
    blank = _BLANK.match(text, offset)
    return blank.end() if blank else offset


def end_of(text: str, start: int, whole: bool = False) -> End:
    """Where the statement that begins at `start` is over.

    It ends with its line, at a `;` or at the brace that closes its block.  An
    open bracket carries it on to the next line, unless a statement begins there
    or the bracket is never closed and the line is set in no further; `whole`
    carries an open brace on to its end, whatever stands between.
    """
    end = _scan(text, start, whole)
    return end if end.bracket is None else End(_outdent(text, start, end.bracket, end.offset), end.bracket)


def _outdent(text: str, start: int, bracket: int, end: int) -> int:
    """The first line end in an open bracket behind which nothing is set in further than the statement."""
    margin = indent(text, start)
    newline = text.find("\n", bracket, end)
    while newline >= 0:
        following = after_blanks(text, newline)
        if indent(text, following) <= margin and text[following : following + 1] not in (")", "]"):
            return newline
        newline = text.find("\n", following, end)
    return end


def _scan(text: str, start: int, whole: bool) -> End:
    brackets: list[int] = []
    braces = following = 0
    for piece in _PIECE.finditer(text, start):
        mark, at = piece[0], piece.start()
        if mark in "([":
            brackets.append(at)
        elif mark in ")]":
            del brackets[-1:]
        elif mark == "{":
            braces += 1
        elif mark == "}":
            if not braces:
                return End(at, brackets[0] if brackets else None)
            braces -= 1
        elif mark == ";" and not brackets and not braces:
            return End(at, None)
        elif mark == "\n" and at >= following and not (whole and braces):
            following = after_blanks(text, at)
            if _line_ends(text, at, following, bool(brackets), indent(text, start) if braces else None):
                return End(at, brackets[0] if brackets else None)
    return End(len(text), brackets[0] if brackets else None)


def _line_ends(text: str, newline: int, following: int, in_bracket: bool, margin: int | None) -> bool:
    """Whether a statement ends with its line; inside braces, `margin` is how far it is set in itself."""
    if margin is not None:
        return indent(text, following) <= margin and begins_statement(text, following)
    if not in_bracket:
        return _ARROW.match(text, newline) is None
    return following == len(text) or text[following] == "}" or _is_statement(text, following)


def _is_statement(text: str, offset: int) -> bool:
    """A statement begins here, and its line closes no more brackets than it opens."""
    if not begins_statement(text, offset):
        return False
    depth = 0
    for piece in _PIECE.finditer(text, offset, _line_end(text, offset)):
        depth += (piece[0] in ("(", "[")) - (piece[0] in (")", "]"))
        if depth < 0:
            return False
    return True


def _line_end(text: str, offset: int) -> int:
    end = text.find("\n", offset)
    return len(text) if end < 0 else end


# ---- what can be saved ---------------------------------------------------------


def header(text: str, start: int) -> tuple[list[Word], int] | None:
    """The readable part of a block's or a loop's header, and where its body begins."""
    if loop := _LOOP_HEADER.match(text, start):
        return _loop(loop), loop.end()
    block = _BLOCK_HEADER.match(text, start)
    if block is None or re.fullmatch(_SWORN, block[1]):
        return None
    words: list[Word] = [("NAME", block[1], block.start(1))]
    if block[2] and block[2] != "like":
        words.append(("NAME", block[2], block.start(2)))
    return [*words, ("LBRACE", "{", block.end() - 1)], block.end()


def _loop(loop: re.Match[str]) -> list[Word]:
    """`repeat NAME for NAME in <hole> carry NAME = <hole> {`, with the names that are there."""
    at, rest, base = loop.start(), loop[2], loop.start(2)
    name = re.match(rf"[ \t]+(?!for\b)({_NAME})", rest)
    variable = re.search(rf"\bfor[ \t]+(?!in\b)({_NAME})", rest)
    words: list[Word] = [
        (loop[1].upper(), loop[1], at),
        ("NAME", name[1], base + name.start(1)) if name else ("NAME", "_", at),
        ("FOR", "for", at),
        ("NAME", variable[1], base + variable.start(1)) if variable else ("NAME", "_", at),
        ("IN", "in", at),
        ("HOLE", "", at),
    ]
    carried = rest.find("carry") if loop[1] == "repeat" else -1
    carries = list(re.finditer(rf"({_NAME})[ \t]*=(?!=)", rest[carried:])) if carried >= 0 else []
    for number, carry in enumerate(carries):
        words.append(("COMMA", ",", at) if number else ("CARRY", "carry", at))
        words.append(("NAME", carry[1], base + carried + carry.start(1)))
        words += [("EQUAL", "=", at), ("HOLE", "", at)]
    return [*words, ("LBRACE", "{", loop.end() - 1)]


def salvage(text: str, start: int, end: int) -> list[Word]:
    """A statement that keeps the name of a broken one and leaves its value a hole; or nothing."""
    if named := _NAMED.match(text, start, end):
        first = "NEXT" if named[1] == "next" else "LET"
        return [(first, named[1], start), ("NAME", named[2], named.start(2)), *_hole(named.end(), end)]
    if alias := _ALIAS.match(text, start, end):
        return [("LET", "let", start), ("NAME", alias[1], alias.start(1)), *_hole(alias.end(), end)]
    if re.match(rf"(?:{_SWORN})\b", text[start:end]):
        return []
    if field := _FIELD.match(text, start, end):
        return [*_path(field[1], start), *_hole(field.end(1), end)]
    block = _TWO_NAMES.match(text, start, end)
    if block is None:
        return []
    words: list[Word] = [("NAME", block[1], start), ("NAME", block[2], block.start(2))]
    return [*words, ("LBRACE", "{", end), ("RBRACE", "}", end)]


def _path(path: str, start: int) -> list[Word]:
    words: list[Word] = []
    for name in path.split("."):
        words += [("DOT", ".", start - 1)] if words else []
        words.append(("NAME", name, start))
        start += len(name) + 1
    return words


def _hole(start: int, end: int) -> list[Word]:
    return [("EQUAL", "=", start), ("HOLE", " " * max(0, end - start), start)]
