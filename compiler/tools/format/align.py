"""Lines aligned with their neighbours: `=` under `=`, braces under braces, comments under comments."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import groupby

from .lines import Line

GAP = 2
"""Blanks before a comment."""


def aligned(laid: list[Line]) -> Iterator[str]:
    """The text of every line."""
    for run in _runs(laid):
        _anchors(run)
        _blocks(run)
    for group in _groups(laid, lambda line: line.sort == "arrow"):
        _arrows(group)
    for paragraph in _groups(laid, _is_code):
        _remarks(paragraph)
    for line in laid:
        yield _written(line)


def _is_code(line: Line) -> bool:
    return bool(line.code) and line.sort not in ("open", "close")


def _runs(laid: list[Line]) -> Iterator[list[Line]]:
    """Neighbours of one sort; the further rows of a statement do not part them, all else does."""
    run: list[Line] = []
    for line in laid:
        if line.continues:
            continue
        if run and (run[0].sort, run[0].indent) != (line.sort, line.indent):
            yield run
            run = []
        if line.code and line.sort not in ("open", "close", "remark"):
            run.append(line)
        elif run:
            yield run
            run = []
    if run:
        yield run


def _groups(laid: list[Line], belongs: Callable[[Line], bool]) -> Iterator[list[Line]]:
    """Stretches of lines that belong together."""
    for does, group in groupby(laid, key=belongs):
        if does:
            yield list(group)


def _anchors(run: list[Line]) -> None:
    anchored = [line for line in run if line.anchor >= 0]
    wide = max((line.anchor for line in anchored), default=0)
    for line in anchored:
        line.code = line.code[: line.anchor] + " " * (wide - line.anchor) + line.code[line.anchor :]


def _blocks(run: list[Line]) -> None:
    """`kind name { … }` in columns."""
    columned = [line for line in run if line.columns]
    if len(columned) < 2:
        return
    kinds, names = (max(len(line.columns[column]) for line in columned) for column in (0, 1))
    for line in columned:
        kind, name, inside = line.columns
        header = [kind.ljust(kinds), *([name.ljust(names)] if names else []), inside]
        line.code = " ".join(header)


def _arrows(group: list[Line]) -> None:
    """Arrows on lines of their own: their values, and the words behind those, in columns."""
    for place in range(max(len(line.places) for line in group)):
        placed = [line for line in group if len(line.places) > place]
        wide = max(line.places[place] for line in placed)
        for line in placed:
            gap = wide - line.places[place]
            line.code = line.code[: line.places[place]] + " " * gap + line.code[line.places[place] :]
            line.places = [at + gap for at in line.places]


def _remarks(paragraph: list[Line]) -> None:
    """Comments behind neighbouring lines begin in one column."""
    wide = max((line.indent + len(line.code) for line in paragraph if line.remark), default=0)
    for line in paragraph:
        if line.remark:
            line.code += " " * (wide - line.indent - len(line.code))


def _written(line: Line) -> str:
    if not line.code:
        return " " * line.indent + line.remark if line.remark else ""
    return " " * line.indent + line.code + (" " * GAP + line.remark if line.remark else "")
