"""Read sound text quickly: the machine that Lark made of the grammar, driven without Lark.

Nearly every text that is checked can be read.  For that one needs no lines and columns, no state to
go back to and no list of what else could have stood there: the tokens are found in one sweep, and the
rows of the machine followed in one loop.  What cannot be read here, for whatever reason, is None, and
`reader` has the last word: it reads with Lark and says what is wrong.

`tables` writes `machine.json`: the rows of actions, by state and kind of token; what each rule keeps;
and the texts that are tokens of a kind of their own.  An action from 0 up is the state to go to, below 0
a rule to apply.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, cast

from .depth import DEEPEST, LINKS, LONGEST
from .tree import Branch, Child, Word

MACHINE = Path(__file__).parent / "machine.json"

_NAME = ("NAME",)
_UNKNOWN = ("",)
_END = "$END"
_COUNTED = LINKS | {"RPAR", "RSQB"}

Value = Word | Branch | list[Any] | None


class Rule(NamedTuple):
    """How many values it takes, where it leads, and what it makes of them.

    `name` is that of the branch; without one, the children go to the branch above, in their place.
    `keeps` says which values stay, whether it is their children that stay, and how many absent ones
    stand before; `absent` how many stand behind all.  Where it `passes`, an only child stands for the branch.
    """

    takes: int
    leads: str
    name: str
    keeps: list[tuple[int, bool, int]]
    absent: int
    passes: bool


class Machine:
    """The rows, the rules and the tokens of the grammar."""

    def __init__(self, stored: dict[str, Any]) -> None:
        self.rows: list[dict[str, int]] = stored["rows"]
        self.rules = [Rule(*rule) for rule in stored["rules"]]
        self.handed = [rule.leads if rule.takes == 1 and rule.passes else None for rule in self.rules]
        self.kinds: dict[str, list[str]] = stored["kinds"]
        self.starts: dict[str, int] = stored["starts"]
        self.ends: dict[str, int] = stored["ends"]
        self.chains: dict[tuple[int, int, str], int] = {}
        self.tokens = re.compile(stored["tokens"])
        self.continued = re.compile(stored["continued"])


@cache
def machine() -> Machine:
    """The machine, from the file that ships."""
    return Machine(json.loads(MACHINE.read_text(encoding="utf-8")))


def file(text: str) -> Branch | None:
    """The tree of a whole file of this edition; None where Lark is to read it."""
    tree = _read(text, 0, len(text), "file")
    edition = tree.children[0] if isinstance(tree, Branch) else None
    return tree if isinstance(tree, Branch) and isinstance(edition, Word) and edition.text == "1" else None


def expression(text: str, start: int, end: int) -> Child:
    """The tree of an expression that is a stretch of a text; None where Lark is to read it."""
    return _read(text, start, end, "expr")


def _read(text: str, at: int, end: int, what: str) -> Child:
    made = machine()
    rows, rules, handed, chains, last = made.rows, made.rules, made.handed, made.chains, made.ends[what]
    state, links = made.starts[what], 0
    states, values, starts, ends = [state], list[Value](), list[int](), list[int]()
    for kinds, start, stop in _tokens(made, text, at, end):
        row = rows[state]
        kind = next((one for one in kinds if one in row), "")
        while (action := row.get(kind)) is not None and action < 0:
            if handed[~action] is not None:
                key = (states[-2], state, kind)
                states[-1] = state = chains.get(key) or chains.setdefault(key, _handed_on(made, *key, last))
            else:
                rule = rules[~action]
                takes = rule.takes
                values[-takes:] = [_value(rule, values[-takes:], starts[-takes], ends[-1])]
                starts[-takes:], ends[-takes:] = [starts[-takes]], [ends[-1]]
                del states[-takes:]
                state = rows[states[-1]][rule.leads]
                states.append(state)
            if state == last and kind == _END:
                return cast("Child", values[0])
            row = rows[state]
        if kind in _COUNTED:
            links += 1
        elif kind in ("LBRACE", "_NL"):
            links = 0
        if action is None or links > LONGEST:
            return None
        state = action
        states.append(state)
        values.append(Word(kind, text[start:stop], start, stop))
        starts.append(start)
        ends.append(stop)
    return None


def _handed_on(made: Machine, below: int, state: int, kind: str, last: int) -> int:
    """Where rules lead that only hand on what they took: an atom is a product, a sum, and at last an expression."""
    rows = made.rows
    while (action := rows[state].get(kind, 0)) < 0 and (leads := made.handed[~action]) is not None:
        state = rows[below][leads]
        if state == last and kind == _END:
            break
    return state


def _value(rule: Rule, values: list[Value], start: int, end: int) -> Value:
    """What a rule makes of the values that it takes."""
    children: list[Any] = []
    for index, opens, absent in rule.keeps:
        children += [None] * absent
        value = values[index]
        if not opens:
            children.append(value)
        elif children:
            children += cast("list[Any]", value)
        else:
            children = cast(
                "list[Any]", value
            )  # nobody else holds it: a list that grows is not copied at each item
    children += [None] * rule.absent
    if not rule.name:
        return children
    return children[0] if rule.passes and len(children) == 1 else Branch(rule.name, children, start, end)


def _tokens(made: Machine, text: str, at: int, end: int) -> Iterator[tuple[Sequence[str], int, int]]:
    """The tokens and what each may be; newlines only where they end a statement."""
    kinds, continued = made.kinds, made.continued
    nested = brackets = 0
    for token in made.tokens.finditer(text, at, end):
        group = token.lastgroup or ""
        start, stop = token.span(group) if group else (0, 0)
        if group == "word":
            yield kinds.get(text[start:stop], _NAME), start, stop
        elif group == "sign":
            sign = text[start:stop]
            if sign in "([{":
                nested += 1
                brackets = 0 if sign == "{" else brackets + 1
            elif sign in ")]}":
                nested -= 1
                brackets = 0 if sign == "}" else brackets - 1
            yield kinds[sign] if nested < DEEPEST else _UNKNOWN, start, stop
        elif group == "_NL":
            if text.startswith(("->", "~>"), stop, end):
                found = continued.match(text, start, end)
                if found is None or found.end() != stop:
                    yield _UNKNOWN, start, stop
            elif not brackets:
                yield (group,), start, stop
        elif group:
            yield (group,), start, stop
    yield (_END,), end, end
