"""The turns of loops laid on one another: one `post[*].judge` for six."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from .drawing import Carry, Drawing, Edge, Facts, Node, Range, Value, boxes, gathered, shape


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
    return replace(drawing, nodes=nodes, edges=tuple(_edges(drawing)), folded=True)


def _one(address: str, same: list[Node], drawing: Drawing) -> Node:
    first = same[0]
    under = shape(first.under).removesuffix("[*]")
    if first.kind == "release" and not boxes(first.address):
        under = _of_release(first.under, drawing)
    return Node(address, first.kind, _facts(same), under, first.group, sum(node.count for node in same))


def _of_release(under: str, drawing: Drawing) -> str:
    """What a loop hands on in the end is marked at the loop; a model of any other turn stands by itself."""
    around = boxes(under)
    if not around:
        return under
    loop, name = drawing.by_address.get(around[0]), under.removeprefix(f"{around[1]}.")
    if loop is None or around[1] != f"{loop.address}[{loop.facts.get('turns')}]":
        return ""
    carries = loop.facts.get("carries", ())
    hands_on = [one.next for one in carries if isinstance(one, Carry)] if isinstance(carries, tuple) else []
    return loop.address if name in hands_on else ""


def _facts(same: list[Node]) -> Facts:
    """What is known in every turn; and what is waited for, if only in one."""
    found: dict[str, Value] = {}
    for name in dict.fromkeys(name for node in same for name in node.facts):
        values = [node.facts[name] for node in same if name in node.facts]
        if name == "waits":
            found[name] = shape(str(values[0]))
        elif len(values) == len(same):
            found[name] = _value(values)
    return found


def _value(values: list[Value]) -> Value:
    """The value in all turns, or its range; the words that differ, one after the other."""
    numbers = [value for value in values if isinstance(value, int)]
    words = list(dict.fromkeys(value for value in values if isinstance(value, str)))
    if len(words) > 1:
        return ", ".join(words)
    if len(numbers) < len(values) or min(numbers) == max(numbers):
        return values[0]
    return Range(min(numbers), max(numbers))


def _edges(drawing: Drawing) -> Iterator[Edge]:
    """One edge for all turns; where something outside reads some turns of a loop only, it says which."""
    alike: dict[Edge, list[str]] = {}
    for edge in drawing.edges:
        folded = replace(edge, source=shape(edge.source), target=shape(edge.target))
        alike.setdefault(folded, []).append(edge.source)
    turns = Counter(shape(node.address) for node in drawing.nodes)
    for folded, sources in alike.items():
        above, some = boxes(folded.source), list(dict.fromkeys(sources))
        if above and above[0] not in boxes(folded.target) and not folded.through:
            yield folded if len(some) == turns[folded.source] else replace(folded, through=gathered(some)[0])
        else:
            yield folded
