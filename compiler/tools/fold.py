"""The turns of loops laid on one another: one `post[*].judge` for six."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from .drawing import Drawing, Edge, Facts, Node, Range, Value, boxes, shape


def is_even(whole: Drawing, part: Drawing) -> bool:
    """Whether a part of a drawing has the same blocks in every turn of its loops."""
    kept = {shape(node.address) for node in part.nodes}
    left = {node.address for node in whole.nodes} - {node.address for node in part.nodes}
    return not any(shape(address) in kept for address in left)


def fold(drawing: Drawing) -> Drawing:
    """One node for all turns of a block; facts that differ become ranges."""
    alike: dict[str, list[Node]] = {}
    for node in drawing.nodes:
        if node.kind != "turn":
            alike.setdefault(shape(node.address), []).append(node)
    nodes = tuple(_one(address, same, drawing) for address, same in alike.items())
    return replace(drawing, nodes=nodes, edges=tuple(_edges(drawing.edges)), folded=True)


def _one(address: str, same: list[Node], drawing: Drawing) -> Node:
    first = same[0]
    under = shape(first.under).removesuffix("[*]")
    if first.kind == "release" and not boxes(first.address):
        under = _of_release(first.under, drawing)
    return Node(
        address, first.kind, _facts(same), under, first.group, sum(node.count for node in same)
    )


def _of_release(under: str, drawing: Drawing) -> str:
    """A release of what a loop comes to is marked at the loop; that of any other turn stands by itself."""
    around = boxes(under)
    if not around:
        return under
    is_last = all(
        drawing.by_address[loop].facts.get("turns") == _number(turn)
        for loop, turn in zip(around[::2], around[1::2], strict=True)
        if loop in drawing.by_address
    )
    return around[0] if is_last else ""


def _number(turn: str) -> int:
    return int(turn.rpartition("[")[2].removesuffix("]"))


def _facts(same: list[Node]) -> Facts:
    return {
        name: _value([node.facts[name] for node in same if name in node.facts])
        for name in same[0].facts
    }


def _value(values: list[Value]) -> Value:
    """The value in all turns, or its range; of what is no number, the first turn's."""
    numbers = [value for value in values if isinstance(value, int)]
    if len(numbers) < len(values) or min(numbers) == max(numbers):
        return values[0]
    return Range(min(numbers), max(numbers))


def _edges(edges: Iterable[Edge]) -> Iterable[Edge]:
    alike: dict[Edge, list[Edge]] = {}
    for edge in edges:
        folded = replace(edge, source=shape(edge.source), target=shape(edge.target))
        alike.setdefault(folded, []).append(edge)
    for folded, same in alike.items():
        is_one_turn = len(same) == 1 and folded.source != same[0].source and not boxes(folded.target)
        yield replace(folded, through=same[0].source) if is_one_turn else folded
