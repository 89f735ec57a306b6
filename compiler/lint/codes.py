"""Every code that a spec can get, with its name: of the grammar, of the graph, of the rules, of the linter itself."""

from __future__ import annotations

from functools import cache

from ..front.stumbles import STUMBLES
from ..graph.letters import CODES as OF_THE_GRAPH
from .rules import rules

OF_THE_LINTER = {
    "LNT201": "unused-allow",
    "LNT202": "allow-without-reason",
    "LNT203": "unknown-code",
    "LNT204": "cannot-be-allowed",
}


@cache
def names() -> dict[str, str]:
    """Code to kebab name."""
    of_rules = {code: rule.name for code, rule in rules().items()}
    return {row.code: row.name for row in STUMBLES} | OF_THE_GRAPH | of_rules | OF_THE_LINTER
