"""What `quick` drives: Lark's rows and rules, as plain as can be.  Used when the tables are written, and by the tests.

The rows are Lark's own.  What follows a rule is worked out beforehand: which of its values stay in the
tree, and whether it only hands on what it took.
"""

from __future__ import annotations

import re
from itertools import product
from typing import Any

from lark.grammar import Rule, Symbol
from lark.parsers.lalr_analysis import Shift

_TOKENS = (
    r"[ \t]*+(?:(?P<word>{NAME})|(?P<sign>%s)|(?P<_NL>{_NL})|(?P<NUMERAL>{NUMERAL})|(?P<STRING>{STRING})"
    r"|{COMMENT}|\Z|(?P<odd>.))"
)
_SIGNS = r"->|~>|\.\.|[=!<>]=|[-+*/<>=.,:()\[\]{{}}]"
_ASCII = [chr(code) for code in range(33, 127)]


def machine(lark: Any) -> dict[str, Any]:
    """The machine of a grammar that Lark has read."""
    table: Any = lark.parser.parser._parse_table
    states: dict[Any, dict[str, Any]] = table.states
    numbers = {state: number for number, state in enumerate(states)}
    rules: list[Rule] = list(lark.rules)
    places = {rule: place for place, rule in enumerate(rules)}
    patterns: dict[str, str] = {one.name: one.pattern.to_regexp() for one in lark.terminals}
    return {
        "starts": {name: numbers[state] for name, state in table.start_states.items()},
        "ends": {name: numbers[state] for name, state in table.end_states.items()},
        "tokens": (_TOKENS % _SIGNS).format(**patterns),
        "continued": patterns["CONTINUE"],
        "kinds": _kinds(lark.terminals),
        "rules": [_rule(rule, _handed_on(rules)) for rule in rules],
        "rows": [
            {kind: numbers[to] if what is Shift else ~places[to] for kind, (what, to) in row.items()}
            for row in states.values()
        ],
    }


def _kinds(terminals: list[Any]) -> dict[str, list[str]]:
    """The kinds of every text that is short or a word of the grammar; a name comes last."""
    fixed = {one.pattern.value: [one.name] for one in terminals if one.pattern.type == "str"}
    short = ["".join(signs) for width in (1, 2) for signs in product(_ASCII, repeat=width)]
    for one in terminals:
        if one.pattern.type == "re" and one.pattern.max_width <= 2:
            for text in filter(re.compile(one.pattern.value).fullmatch, short):
                fixed.setdefault(text, []).append(one.name)
    return {text: [*kinds, "NAME"] if text.isalpha() else kinds for text, kinds in sorted(fixed.items())}


def _is_nameless(symbol: Symbol) -> bool:
    return not symbol.is_term and symbol.name.startswith("_")


def _is_kept(symbol: Any) -> bool:
    return not (symbol.is_term and symbol.filter_out)


def _kept(rule: Rule) -> list[Symbol]:
    return [symbol for symbol in rule.expansion if _is_kept(symbol)]


def _handed_on(rules: list[Rule]) -> set[Symbol]:
    """The nameless symbols that always come to one child, so that nothing is lost by handing it on as it is."""
    nameless = {rule.origin for rule in rules if _is_nameless(rule.origin)}
    several = {
        rule.origin for rule in rules if len(rule.expansion) != 1 or any(map(_is_nameless, _kept(rule)))
    }
    return {one for one in nameless if one not in several and all(_kept(r) for r in rules if r.origin == one)}


def _rule(rule: Rule, handed_on: set[Symbol]) -> tuple[Any, ...]:
    """A rule as `quick.Rule` has it."""
    options: Any = rule.options
    absent = [0]
    for is_absent in options.empty_indices or [False] * len(rule.expansion):
        if is_absent:
            absent[-1] += 1
        else:
            absent.append(0)
    keeps: list[tuple[int, bool, int]] = []
    missing = 0
    for place, symbol in enumerate(rule.expansion):
        missing += absent[place]
        if _is_kept(symbol):
            keeps.append((place, _is_nameless(symbol) and symbol not in handed_on, missing))
            missing = 0
    named = not _is_nameless(rule.origin)
    passes = rule.origin in handed_on or bool(options.expand1 and not rule.alias)
    name = str(rule.alias or rule.origin.name) if named else ""
    return len(rule.expansion), rule.origin.name, name, keeps, missing + absent[-1], passes
