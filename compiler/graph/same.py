"""Whether two specs say the same: values without the places where they were written, and what got another name.

Comes after two views were built; `lint/breaking` and `tools/differ` ask here.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from fractions import Fraction
from typing import Any, cast

from ..text import Span
from ..units import Quantity
from .blocks.mix import Mix
from .model import Graph
from .schema import Block, Schema
from .values import Ref, Timeline

_BLANK = re.compile(r'("(?:[^"\\\n]|\\.)*")|#[^\n]*|\s+|(?<=\d)_(?=\d)')
_COMMENT = re.compile(r'("(?:[^"\\\n]|\\.)*")|#[^\n]*')
Names = Mapping[str, str]
"""What blocks are called now, by what they were called."""


def plain(value: Any, names: Names | None = None) -> Hashable:
    """A value without its spans, so that two of them can be compared; blocks by the names that they have now."""
    called = names or {}
    match value:
        case Ref(address=address, kind=kind):
            return kind, called.get(address, address)
        case Schema():
            kept = [(name, getattr(value, name)) for name in type(value).contents()]
        case dict():
            named = cast("dict[str, Any]", value)
            kept = sorted({called.get(name, name): item for name, item in named.items()}.items())
        case tuple():
            return tuple(plain(item, names) for item in cast("tuple[Any, ...]", value))
        case _ if is_dataclass(value) and not isinstance(value, type):
            kept = [(one.name, getattr(value, one.name)) for one in fields(value)]
        case _:
            return value
    parts = tuple((name, plain(item, names)) for name, item in kept if not isinstance(item, Span))
    return type(cast("object", value)).__name__, parts


def shares(mix: Mix) -> dict[str, Timeline]:
    """The shares of a mix; `rest` is what the others leave, where they all hold still."""
    rest = [name for name, line in mix.shares.items() if line.start == "rest"]
    others = [line for name, line in mix.shares.items() if name not in rest]
    if not rest or any(line.moves for line in others):
        return mix.shares
    left = Quantity(1 - sum((line.start.value for line in others), Fraction(0)))
    return mix.shares | {name: replace(mix.shares[name], start=left) for name in rest}


def wording(span: Span) -> str:
    """What was typed, without blanks and comments: the same where a text was only laid out anew."""
    return _BLANK.sub(lambda found: found[1] or "", span.text)


def one_line(span: Span) -> str:
    """What was typed, without comments, for a reader."""
    return " ".join(_COMMENT.sub(lambda found: found[1] or "", span.text).split())


def below(graph: Graph, address: str) -> Iterator[Block]:
    """A block and all that it needs, each once."""
    waiting, seen = [address], {address}
    while waiting:
        block = graph.blocks.get(waiting.pop())
        if block is not None:
            yield block
            fresh = [one for one in block.needs() if one not in seen]
            seen |= set(fresh)
            waiting += fresh


def renamed(before: Graph, after: Graph) -> dict[str, str]:
    """Blocks that are called otherwise and say the same: what they are called now, by what they were called."""
    found: dict[str, str] = {}
    fresh: dict[Hashable, list[str]] = {}
    for name, block in after.blocks.items():
        if name not in before.blocks:
            fresh.setdefault(plain(block), []).append(name)
    gone = [block for name, block in before.blocks.items() if name not in after.blocks]
    known = -1
    while len(found) != known:  # a block that names another is recognised once that one is
        known = len(found)
        for block in gone:
            alike = fresh.get(plain(block, found)) if block.address not in found else None
            if alike:
                found[block.address] = alike.pop(0)
    return found
