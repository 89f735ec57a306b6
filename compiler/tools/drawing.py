"""A graph as it is drawn: what has a name, what hangs under what, what reads what.

`draw` makes a drawing of a view and `fold` lays the turns of loops on one
another; `tree` and `markup` write it down.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

LOOPS = ("repeat", "each")
DATA = ("corpus", "curate", "classifier", "mix", "prompts", "preferences", "tokenizer")
"""Kinds that are drawn where data are asked for."""
RESOURCES = ("arch", "bench", "optimizer", "template", "cluster")
"""Kinds that are drawn where nothing else was chosen."""
GROUPS = {
    "data": "data",
    "pre-training": "pre-training",
    "post-training": "post-training",
    "evaluation": "evaluations",
    "release": "releases",
}
"""What steps are counted by, one and several."""

_TURN = re.compile(r"\[(\d+|\*)\](?=\.|$)")
_NUMBER = re.compile(r"\[\d+\]")


@dataclass(frozen=True, slots=True)
class Moves:
    """A value that changes along a stage: its first and last, and how many times it changes."""

    first: int
    last: int
    changes: int


@dataclass(frozen=True, slots=True)
class Range:
    """A value that differs from turn to turn."""

    least: int
    most: int


@dataclass(frozen=True, slots=True)
class Carry:
    """What a `repeat` carries under a name: at first, and from turn to turn."""

    name: str
    first: str
    next: str


Value = int | float | str | Moves | Range | tuple[Carry, ...] | tuple[str, ...]
Facts = Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class Node:
    """A block, a loop, or (of kind `turn`) one turn of a loop.

    `under` is what it hangs under, the model that it starts from or the loop
    that it is in; `count` is how many steps of its `group` it stands for.
    """

    address: str
    kind: str
    facts: Facts
    under: str = ""
    group: str = ""
    count: int = 0

    @property
    def label(self) -> str:
        """What it is called where it stands."""
        return self.address.removeprefix(prefix(self.address))


@dataclass(frozen=True, slots=True)
class Edge:
    """The target reads the source, in the field `role`.

    `through` is the name by which it is read where that changes from turn to
    turn; what is `carried` comes from the turn before.
    """

    source: str
    target: str
    role: str
    through: str = ""
    carried: bool = False


@dataclass(frozen=True)
class Drawing:
    """Nodes in the order of the text, and every edge between blocks, drawn or not."""

    pipeline: str
    profile: str
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    folded: bool = False

    @cached_property
    def by_address(self) -> dict[str, Node]:
        return {node.address: node for node in self.nodes}

    @cached_property
    def into(self) -> dict[str, list[Edge]]:
        """The edges by their target."""
        found: dict[str, list[Edge]] = {}
        for edge in self.edges:
            found.setdefault(edge.target, []).append(edge)
        return found

    @cached_property
    def reads(self) -> dict[str, list[str]]:
        """The blocks that each block reads, by address."""
        return {
            node.address: list(dict.fromkeys(edge.source for edge in self.into.get(node.address, [])))
            for node in self.nodes
            if node.kind not in (*LOOPS, "turn")
        }

    @property
    def between(self) -> list[Edge]:
        """The edges whose both ends are drawn."""
        return [one for one in self.edges if one.source in self.by_address and one.target in self.by_address]

    def counts(self) -> dict[str, int]:
        """Steps by group, in the order in which they run."""
        found = Counter[str]()
        for node in self.nodes:
            found[node.group] += node.count
        return {group: found[group] for group in GROUPS if found[group]}


def keep(drawing: Drawing, chosen: Collection[str]) -> Drawing:
    """The blocks of these addresses and the loops around them; what hung under others moves up."""
    around = {box for address in chosen for box in boxes(address)}
    kept = {
        node.address
        for node in drawing.nodes
        if node.address in (around if node.kind in (*LOOPS, "turn") else chosen)
    }

    def above(node: Node) -> str:
        at = node.under
        while at and at not in kept:
            at = "" if node.kind == "release" else drawing.by_address[at].under
        return at

    nodes = tuple(replace(node, under=above(node)) for node in drawing.nodes if node.address in kept)
    return replace(drawing, nodes=nodes)


def boxes(address: str) -> list[str]:
    """The loops and turns around an address, outermost first: `post`, `post[1]`, `post[1].attempt`."""
    found = [address[:end] for match in _TURN.finditer(address) for end in match.span()]
    return found[:-1] if address.endswith("]") else found


def prefix(address: str) -> str:
    """The part of an address that is the turn around it, with its dot."""
    turns = [box for box in boxes(address) if box.endswith("]")]
    return f"{turns[-1]}." if turns else ""


def shape(address: str) -> str:
    """An address whatever the turn: `post[*].judge`."""
    return _NUMBER.sub("[*]", address)


def gathered(names: list[str]) -> list[str]:
    """`run[1].policy, run[2].policy, run[3].policy` as `run[1..3].policy`."""
    alike: dict[str, list[str]] = {}
    for name in names:
        alike.setdefault(shape(name), []).append(name)
    return [_range(pattern, same) for pattern, same in alike.items()]


def _range(pattern: str, same: list[str]) -> str:
    if len(same) == 1:
        return same[0]
    indexes = [[int(index[1:-1]) for index in _NUMBER.findall(name)] for name in same]
    for column in zip(*indexes, strict=True):
        pattern = pattern.replace("[*]", f"[{_numbers(sorted(set(column)))}]", 1)
    return pattern


def _numbers(values: list[int]) -> str:
    """`1..3`, or `1,3` where one is left out."""
    is_whole = len(values) > 1 and values[-1] - values[0] + 1 == len(values)
    return f"{values[0]}..{values[-1]}" if is_whole else ",".join(map(str, values))
