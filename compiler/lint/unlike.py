"""Where two models differ in shape."""

from __future__ import annotations

from dataclasses import fields

from ..graph.counts import Shape
from ..units import digits


def unlike(first: Shape, second: Shape, besides: tuple[str, ...] = ()) -> tuple[str, ...]:
    """The dimensions in which two shapes differ, a line each."""
    names = [one.name for one in fields(Shape) if one.name not in besides]
    pairs = [(name, getattr(first, name), getattr(second, name)) for name in names]
    return tuple(f"{name}: {_shown(a)} and {_shown(b)}" for name, a, b in pairs if a != b)


def _shown(value: object) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return digits(value)
    return str(value).lower()
