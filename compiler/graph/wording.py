"""What a value is called, in texts and in letters."""

from __future__ import annotations

from typing import Any

from ..diagnostics.diagnostic import Diagnostic
from ..front import ast
from ..text import Span
from ..units import Quantity, show
from .letters import letter
from .schema import Holds
from .values import Fact, Interval, Pick, Portion, Ref, Score, Timeline


def told(value: Any) -> str:
    """What a run must tell, in words."""
    match value:
        case Fact(of=of, name=name):
            return f"`{of.address}.{name}`"
        case Score(model=model, bench=bench):
            return f"`{model.address if model else 'the stage'}` on `{bench.address}`"
        case _:
            return "it"


def spell(value: Any) -> str:
    """A value inside a text."""
    match value:
        case Quantity():
            return show(value).replace(" ", "")
        case Ref():
            return value.address
        case bool():
            return str(value).lower()
        case Interval(low=low, high=high):
            return f"{spell(low)}..{spell(high)}"
        case _:
            return str(value)


def wrong_kind(value: Any, holds: Holds, span: Span, field: str) -> Diagnostic:
    where = f"`{field}` holds {holds.describe()}" if field else f"{holds.describe()} is due here"
    match value:
        case Ref(address=address, kind=kind):
            found = f"`{address}` is a {kind}"
        case Quantity():
            found = f"this is {show(value)}"
        case ast.Name(text=text):
            found = f"there is no word `{text}`"
        case str():
            found = f'this is the text "{value}"'
        case Timeline():
            found = "this changes along the way"
        case Portion(of=of):
            found = f"this is part of `{of.address}`, a {of.kind}"
        case Pick():
            found = "this is a model that a judge picks"
        case tuple():
            found = "this is a list"
        case _:
            found = "this is something else"
    return letter("NAM107", f"{where}; {found}", span)
