"""Choosing steps by name, by kind, by state, and by what depends on what.

    anneal  anneal+  +anneal  1+anneal  anneal+2      a step; with what follows, or with what it needs
    post  post[3]  post[2..4].judge  blend  house.*    all inside a loop, some of its turns, any turn, a pattern
    kind:dpo  state:changed+                           a method
    a b    a,b                                         either; both

Any graph will do that is given as the inputs of each address.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ..diagnostics.nearest import nearest

STATES = ("new", "changed", "done", "failed", "held")
"""What the state of a step may be called.  One that no step is in chooses nothing."""

_TERM = re.compile(r"(?:(?P<up>\d{0,9})\+)?(?P<what>.*?)(?:\+(?P<down>\d{0,9}))?", re.S)
_INDEX = re.compile(r"\[(\*|\d{1,9}|\d{1,9}\.\.\d{1,9})\]")
_TURN = re.compile(r"\[\d+\]")


class Unselected(ValueError):
    """A term that names nothing; `near` are the names that may have been meant."""

    def __init__(self, sentence: str, near: Sequence[str] = ()) -> None:
        hint = f"; did you mean {' or '.join(f'`{one}`' for one in near)}?" if near else ""
        super().__init__(sentence + hint)
        self.near = tuple(near)


def select(
    wanted: Sequence[str],
    exclude: Sequence[str],
    inputs: Mapping[str, Collection[str]],
    kinds: Mapping[str, str],
    states: Mapping[str, str] | None = None,
) -> set[str]:
    """The addresses that are wanted, all where nothing is said, without those to exclude."""
    graph = _Graph(inputs, kinds, states or {})
    chosen = _union(wanted, graph) if any(text.split() for text in wanted) else set(inputs)
    return chosen - _union(exclude, graph)


@dataclass(frozen=True, slots=True)
class _Graph:
    inputs: Mapping[str, Collection[str]]
    kinds: Mapping[str, str]
    states: Mapping[str, str]
    readers: dict[str, list[str]] = field(default_factory=dict[str, list[str]])

    def __post_init__(self) -> None:
        for address, needed in self.inputs.items():
            for one in needed:
                self.readers.setdefault(one, []).append(address)

    def above(self, address: str) -> Iterable[str]:
        return (one for one in self.inputs[address] if one in self.inputs)

    def below(self, address: str) -> Iterable[str]:
        return self.readers.get(address, ())


def _union(texts: Sequence[str], graph: _Graph) -> set[str]:
    parts = [part for text in texts for part in text.split()]
    return {address for part in parts for address in _intersection(part, graph)}


def _intersection(part: str, graph: _Graph) -> set[str]:
    first, *others = [_term(term, graph) for term in part.split(",")]
    for other in others:
        first &= other
    return first


def _term(term: str, graph: _Graph) -> set[str]:
    """One name or method, with what it needs or what follows from it, so many levels far."""
    match = _TERM.fullmatch(term)
    assert match  # every part of the pattern may be empty
    if not match["what"]:
        raise Unselected(f"`{term}` names nothing" if term else "a name is missing beside a comma")
    chosen = _named(match["what"], graph)
    found = set(chosen)
    for levels, onwards in ((match["up"], graph.above), (match["down"], graph.below)):
        if levels is None:
            continue
        edge, left = set(chosen), int(levels) if levels else len(graph.inputs)
        reached = set(chosen)
        while edge and left:
            edge = {other for address in edge for other in onwards(address)} - reached
            reached |= edge
            left -= 1
        found |= reached
    return found


def _named(what: str, graph: _Graph) -> set[str]:
    method, colon, value = what.partition(":")
    if not colon:
        return _addressed(what, graph)
    if method == "kind":
        return _of_kind(value, graph)
    if method == "state":
        return _in_state(value, graph)
    raise Unselected(f"there is no method `{method}:`", nearest(method, ("kind", "state")))


def _of_kind(kind: str, graph: _Graph) -> set[str]:
    found = {address for address in graph.inputs if graph.kinds.get(address) == kind}
    if not found:
        raise Unselected(f"nothing here is a `{kind}`", nearest(kind, set(graph.kinds.values())))
    return found


def _in_state(state: str, graph: _Graph) -> set[str]:
    known = {*STATES, *graph.states.values()}
    if not graph.states:
        raise Unselected(f"`state:{state}` has no meaning here: no states are known")
    if state not in known:
        raise Unselected(f"there is no state `{state}`", nearest(state, known))
    return {address for address in graph.inputs if graph.states.get(address) == state}


def _addressed(what: str, graph: _Graph) -> set[str]:
    """The steps at an address or inside it; failing that, those that loops call so in any of their turns."""
    found = _matching(what, "", graph) or _matching(what, r".*\]\.", graph)
    if not found:
        raise Unselected(f"nothing is called `{what}`", nearest(what, _names(graph.inputs)))
    return found


def _matching(what: str, before: str, graph: _Graph) -> set[str]:
    """`*` stands for any letters, `[2..4]` for some turns."""
    pieces = _INDEX.split(what)
    pattern = "".join(r"\[(\d+)\]" if place % 2 else _glob(piece) for place, piece in enumerate(pieces))
    whole = re.compile(rf"{before}(?:{pattern})(?:[.\[(].*)?", re.S)
    turns = [_turns(index) for index in pieces[1::2]]
    found: set[str] = set()
    for address in graph.inputs:
        match = whole.fullmatch(address)
        if match and all(int(turn) in turns[place] for place, turn in enumerate(match.groups())):
            found.add(address)
    return found


def _glob(piece: str) -> str:
    return ".*".join(map(re.escape, piece.split("*")))


def _turns(index: str) -> range:
    """Which turns an index means."""
    if index == "*":
        return range(10**9)
    low, _, high = index.partition("..")
    return range(int(low), int(high or low) + 1)


def _names(addresses: Iterable[str]) -> set[str]:
    """Everything that can be named: the steps, the loops and turns around them, and what those call them."""
    found: set[str] = set()
    for address in addresses:
        found |= {address, address.rpartition("].")[2], address.partition("(")[0]}
        for match in _TURN.finditer(address):
            found |= {address[: match.start()], address[: match.end()]}
    return found
