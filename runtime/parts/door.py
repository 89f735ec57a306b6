"""The one door for JSON that others wrote: bounded, unambiguous, finite.

`json.loads` lets a second value for a key win in silence and makes NaN out of text;
both are refused here, and so is what is too big or too deep to be read.
"""

from __future__ import annotations

import json
from typing import Any

MOST_BYTES = 64 * 2**20


def parse(text: str) -> Any:
    """JSON as Python has it; raises ValueError with a reason that can be shown."""
    try:
        return json.loads(text, object_pairs_hook=_table, parse_constant=_constant)
    except json.JSONDecodeError as error:
        raise ValueError(f"is no JSON: {error.msg.lower()} at character {error.pos + 1}") from None
    except RecursionError:
        raise ValueError("is nested too deeply") from None


def decoded(raw: bytes, most: int = MOST_BYTES) -> Any:
    """The JSON in so many bytes at most."""
    if len(raw) > most:
        raise ValueError(f"is larger than {most >> 20} MiB")
    try:
        return parse(raw.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise ValueError(f"is no UTF-8: byte {error.start + 1}") from None


def _table(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for place, name in enumerate(names) if name in names[:place])
        raise ValueError(f"says `{twice[:80]}` twice")
    return table


def _constant(name: str) -> Any:
    raise ValueError(f"holds {name}, which is no JSON number")
