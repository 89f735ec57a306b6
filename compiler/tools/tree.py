"""A drawing as a person reads it: lineages as a tree, one line per block.

Comes after `draw`, and after `fold` where the turns of loops are not asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ..units import digits
from .drawing import DATA, GROUPS, LOOPS, RESOURCES, Drawing, Node
from .told import reads, told

_STYLES = {"line": "2", "loop": "1", "kind": "36", "release": "32", "facts": ""}
_IN_ASCII = str.maketrans(
    {"├": "|", "└": "`", "│": "|", "─": "-", "←": "<-", "→": "->", "⇒": "=>", "·": "-", "×": "x"}
)


@dataclass(frozen=True, slots=True)
class _Row:
    line: str
    label: str
    kind: str
    facts: str
    marks: str = ""


def tree(drawing: Drawing, *, colour: bool = False, unicode: bool = True) -> str:
    """Models first, then data where they are drawn, then what there is of each."""
    hanging: dict[str, list[Node]] = {}
    for node in drawing.nodes:
        hanging.setdefault(node.under, []).append(node)
    roots = hanging.get("", [])
    data = [node for node in roots if node.kind in (*DATA, *RESOURCES)]
    models = [node for node in roots if node not in data]
    parts = [list(_rows(part, hanging, drawing)) for part in (models, data)]
    lines = [line for part in parts if part for line in [*_laid(part, colour), ""]]
    found = "\n".join([*lines[:-1], _last_line(drawing)] if lines else [_last_line(drawing)]) + "\n"
    return found if unicode else found.translate(_IN_ASCII)


def _rows(roots: list[Node], hanging: dict[str, list[Node]], drawing: Drawing) -> Iterator[_Row]:
    """A row for every node, each before what hangs under it; a lineage may be longer than recursion goes."""
    waiting = [(node, "", "") for node in reversed(roots)]
    while waiting:
        node, line, below = waiting.pop()
        inner = hanging.get(node.address, [])
        yield _row(node, line, [one.label for one in inner if one.kind == "release"], drawing)
        inner = [one for one in inner if one.kind != "release"]
        for one in reversed(inner):
            corner, bar = ("└─ ", "   ") if one is inner[-1] else ("├─ ", "│  ")
            waiting.append((one, below + corner, below + bar))


def _row(node: Node, line: str, releases: list[str], drawing: Drawing) -> _Row:
    sources = reads(node, drawing)
    parts = [told(node), f"← {', '.join(sources)}" if sources else ""]
    kind = "" if node.kind == "turn" else node.kind
    marks = f"⇒ {', '.join(releases)}" if releases else ""
    return _Row(line, node.label, kind, " ".join(part for part in parts if part), marks)


def _laid(rows: list[_Row], colour: bool) -> list[str]:
    """Columns as wide as what stands in them; releases in a column of their own."""
    wide = max(len(row.line + row.label) for row in rows)
    kinds = max(len(row.kind) for row in rows)
    marked = max((len(row.facts) for row in rows if row.marks), default=0)
    lines: list[str] = []
    for row in rows:
        gap = " " * (wide - len(row.line + row.label) + 2)
        label = _paint(row.label, "loop" if row.kind in LOOPS else "facts", colour)
        facts = row.facts.ljust(marked) if row.marks else row.facts
        told = f"{_paint(row.line, 'line', colour)}{label}{gap}{_paint(row.kind, 'kind', colour)}"
        told += f"{' ' * (kinds - len(row.kind))}  {facts}  {_paint(row.marks, 'release', colour)}"
        lines.append(told.rstrip())
    return lines


def _last_line(drawing: Drawing) -> str:
    counts = drawing.counts()
    total = sum(counts.values())
    if not total:
        return "no steps"
    parts = [_count(total, "step", "steps")]
    parts += [_count(count, group, GROUPS[group]) for group, count in counts.items()]
    return " · ".join(parts)


def _count(count: int, one: str, several: str) -> str:
    return f"{digits(count)} {one if count == 1 else several}"


def _paint(piece: str, style: str, colour: bool) -> str:
    code = _STYLES[style] if colour and piece.strip() else ""
    return f"\x1b[{code}m{piece}\x1b[0m" if code else piece
