"""A timeline in the terminal: stages side by side, and under them what holds when."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from itertools import groupby

from ..compiler.plan.model import Phase
from ..compiler.plan.summary import percent
from ..compiler.plan.timeline import Moment, Stage, Timeline
from .amounts import amount, binary

_HIGH = 5
"""Lines of the learning rate."""
_LEAST = 10
"""Columns of the smallest stage."""
_LISTED = 9
_BLOCKS = " ▁▂▃▄▅▆▇█"
_PLAIN = " .:-=+*#@"


def show_timeline(line: Timeline, width: int = 100, unicode: bool = True) -> str:
    """Context, batch, learning rate and mix of one lineage; borders of stages run through all of it."""
    if not line.stages:
        return "No stage here trains in steps that are known before the run."
    label = max(len(name) for name in ("context", *line.corpora))
    columns = _columns(line, width - label - 2)
    moments = [
        [stage.at(_place(stage, place, wide)) for place in range(wide)]
        for stage, wide in zip(line.stages, columns, strict=True)
    ]
    border, blocks = ("│", _BLOCKS) if unicode else ("|", _PLAIN)

    def row(name: str, cells: list[str], after: str = "") -> str:
        return f"{name.ljust(label)} {border}{border.join(cells)}{border}{after}".rstrip()

    rows = [row("", [_fitted(stage.address, wide) for stage, wide in zip(line.stages, columns, strict=True)])]
    rows.append(
        row(
            "",
            [_fitted(amount(stage.tokens), wide) for stage, wide in zip(line.stages, columns, strict=True)],
        )
    )
    for name, of in (("context", _context), ("batch", _batch)):
        rows.append(row(name, [_plateaus(some, of) for some in moments], _all_values(line, of)))
    rows += [row(name, cells, after) for name, cells, after in _rates(moments, blocks)]
    rows += [row(name, *_share(name, line, moments, blocks)) for name in line.corpora]
    rows.append(_axis(line, columns, label))
    if not _to_scale(line, columns):
        rows.append(f"{'':{label}}  widths of stages are not to scale; within a stage, tokens are")
    return "\n".join(rows)


def _columns(line: Timeline, width: int) -> list[int]:
    """Columns of each stage: by its tokens, and enough to be seen."""
    free = width - len(line.stages) - 1 - _LEAST * len(line.stages)
    total = line.tokens
    return [_LEAST + max(0, free) * stage.tokens // total for stage in line.stages]


def _to_scale(line: Timeline, columns: list[int]) -> bool:
    shares = [Fraction(stage.tokens, line.tokens) * sum(columns) for stage in line.stages]
    return all(abs(share - wide) < 1 for share, wide in zip(shares, columns, strict=True))


def _place(stage: Stage, place: int, wide: int) -> Fraction:
    """The token in the middle of a column; the last column shows the end."""
    return Fraction(stage.tokens * (2 * place + 1), 2 * wide)


def _fitted(text: str, wide: int) -> str:
    return (text if len(text) <= wide else f"{text[: wide - 1]}…").ljust(wide)


def _context(of: Moment | Phase) -> str:
    return binary(of.context)


def _batch(of: Moment | Phase) -> str:
    return binary(of.context * of.sequences if isinstance(of, Phase) else of.batch)


def _all_values(line: Timeline, of: Callable[[Moment | Phase], str]) -> str:
    """Every value that holds, in order; what is too brief for a column is here."""
    values = [
        value for value, _ in groupby(of(phase) for stage in line.stages for phase in stage.work.phases)
    ]
    shown = values if len(values) <= _LISTED else [*values[: _LISTED - 1], "…", values[-1]]
    return f" {' → '.join(shown)}" if len(values) > 1 else f" {values[0]}"


def _plateaus(moments: list[Moment], of: Callable[[Moment | Phase], str]) -> str:
    """The value wherever it begins to hold, as far as there is room."""
    cells, free, before = [" "] * len(moments), 0, ""
    for place, moment in enumerate(moments):
        value = of(moment)
        if value != before and place >= free and place + len(value) <= len(moments):
            cells[place : place + len(value)] = value
            free = place + len(value) + 1
        before = value if place >= free - len(value) - 1 else before
    return "".join(cells)


def _rates(moments: list[list[Moment]], blocks: str) -> Iterator[tuple[str, list[str], str]]:
    highest = max(moment.lr for some in moments for moment in some)
    full = len(blocks) - 1
    heights = [
        [round(moment.lr / highest * _HIGH * full) if highest else 0 for moment in some] for some in moments
    ]
    for level in reversed(range(_HIGH)):
        cells = [
            "".join(blocks[max(0, min(full, height - level * full))] for height in some) for some in heights
        ]
        name = "lr" if level == _HIGH - 1 else ""
        yield name, cells, f" {highest:.3g}" if level == _HIGH - 1 else " 0" if level == 0 else ""


def _share(name: str, line: Timeline, moments: list[list[Moment]], blocks: str) -> tuple[list[str], str]:
    """One corpus's row, and its shares where it is first and last read."""
    full = len(blocks) - 1
    every = [[moment.shares.get(name, Fraction(0)) for moment in some] for some in moments]
    cells = ["".join(blocks[max(1, round(share * full)) if share else 0] for share in some) for some in every]
    read = [
        phase.shares[name] for stage in line.stages for phase in stage.work.phases if name in phase.shares
    ]
    first, last = percent(read[0].first), percent(read[-1].last)
    return cells, f" {first}" if first == last else f" {first} → {last}"


def _axis(line: Timeline, columns: list[int], label: int) -> str:
    """Tokens done at every border."""
    cells = [" "] * (label + 1)
    for stage, wide in zip(line.stages, columns, strict=True):
        cells += _fitted(amount(stage.start) if stage.start else "0", wide + 1)
    return "".join(cells) + amount(line.tokens)
