"""Pieces as lines: what stands on each, and with which neighbours it is aligned."""

from __future__ import annotations

from dataclasses import dataclass, field

from .flow import STEP, Row, rows
from .pieces import Blank, Block, Piece, Remark, Statement
from .tokens import Token

WIDEST = 100
"""Columns that a block may take on one line."""

_ANCHORS = {"expect": "compare", "require": "compare", "scale": "by"}
_SIGNS = ("==", "!=", "<=", ">=", "<", ">")


@dataclass(slots=True)
class Line:
    """One line to be.  Neighbours of one `sort` are aligned at `anchor`; arrows at their `places`."""

    indent: int
    code: str = ""
    remark: str = ""
    sort: str = ""
    anchor: int = -1
    columns: tuple[str, ...] = ()
    places: list[int] = field(default_factory=list[int])
    continues: bool = False


def lines(found: list[Piece], indent: int) -> list[Line]:
    """The lines of a body."""
    laid: list[Line] = []
    for piece in found:
        match piece:
            case Blank():
                laid.append(Line(0))
            case Remark(text=text):
                laid.append(Line(indent, remark=text, sort="remark"))
            case Statement() | Block():
                own = _statement(piece, indent) if isinstance(piece, Statement) else _block(piece, indent)
                if piece.follows and len(own) == 1 and _takes_more(laid):
                    _join(laid[-1], own[0])
                else:
                    laid += own
    return laid


def _takes_more(laid: list[Line]) -> bool:
    last = laid[-1] if laid else None
    return (
        last is not None
        and bool(last.code)
        and not last.remark
        and not last.continues
        and last.sort != "open"
    )


def _join(line: Line, other: Line) -> None:
    """Two statements that stood on one line stay there."""
    line.code += ";  " + other.code
    line.remark = other.remark
    line.columns = ()
    line.sort = "" if line.sort == "block" else line.sort


# ---- statements ----------------------------------------------------------------------


def _statement(piece: Statement, indent: int) -> list[Line]:
    sort = _sort(piece.tokens)
    laid = rows(piece.tokens, _anchor(piece.tokens, sort))
    if piece.remark:
        laid[-1].remark = piece.remark
    first, *rest = laid
    line = Line(indent + first.indent, first.code, first.remark, sort, first.anchor)
    more = [_continued(row, indent) for row in rest]
    return [line, *more]


def _continued(row: Row, indent: int) -> Line:
    return Line(
        indent + row.indent,
        row.code,
        row.remark,
        "arrow" if row.is_arrow else "",
        places=row.places,
        continues=True,
    )


def _sort(tokens: list[Token]) -> str:
    first = tokens[0].text if tokens else ""
    return (
        first
        if first in ("let", "param", "set", "next", "expect", "require", "scale") and _is_word(tokens)
        else "field"
    )


def _is_word(tokens: list[Token]) -> bool:
    """`set = 1` sets a field of that name; `set x = 1` is a statement."""
    return len(tokens) > 1 and tokens[1].kind not in ("=", ".")


def _anchor(tokens: list[Token], sort: str) -> str:
    wanted = _ANCHORS.get(sort, "=")
    if wanted != "compare":
        return wanted
    depth = 0
    for token in tokens:
        depth += (token.kind in ("(", "[")) - (token.kind in (")", "]"))
        if depth == 0 and token.kind in _SIGNS:
            return token.text
    return ""


# ---- blocks --------------------------------------------------------------------------


def _block(piece: Block, indent: int) -> list[Line]:
    *above, header = rows(piece.header, "")
    upper = [
        Line(indent + row.indent, row.code, row.remark, continues=bool(place))
        for place, row in enumerate(above)
    ]
    start = indent + header.indent
    inside = one_line(piece.body) if piece.is_one_line else None
    if inside is not None and start + len(header.code) + 1 + len(inside) <= WIDEST:
        columns = _columns(piece.header, inside) if not above else ()
        line = Line(start, f"{header.code} {inside}", piece.remark, "block", columns=columns)
        return [*upper, line]
    for inner in piece.body:
        if piece.is_one_line and isinstance(inner, Statement | Block):
            inner.follows = False
    opening = Line(start, f"{header.code} {{", piece.opening, "open")
    return [*upper, opening, *lines(piece.body, indent + STEP), Line(indent, "}", piece.remark, "close")]


def _columns(header: list[Token], inside: str) -> tuple[str, ...]:
    """What neighbours are aligned by: the kind, the rest of the header, the body."""
    kind, *rest = header
    return kind.text, rows(rest, "")[0].code if rest else "", inside


def one_line(body: list[Piece]) -> str | None:
    """A body between braces on one line; None where it needs more."""
    parts: list[str] = []
    for piece in body:
        laid: list[Line] = []
        if isinstance(piece, Statement):
            laid = _statement(piece, 0)
        elif isinstance(piece, Block):
            laid = _block(piece, 0)
        if len(laid) != 1 or laid[0].remark:
            return None
        parts.append(laid[0].code)
    return f"{{ {';  '.join(parts)} }}" if parts else "{}"
