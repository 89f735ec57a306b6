"""What a drawing says of a node, in words: its facts, and what it reads."""

from __future__ import annotations

from ..units import digits
from .drawing import Carry, Drawing, Edge, Moves, Node, Range, Value, boxes, gathered

_SILENT = frozenset(
    {"arch", "tokenizer", "optimizer", "template", "to", "benches", "suite", "contains", "share", "require"}
)
"""Fields whose blocks are not told in the tree: facts tell of them, or nobody asks."""
_DECIMAL = ((10**12, "T"), (10**9, "B"), (10**6, "M"), (10**3, "k"))
_BINARY = ((2**40, "Ti"), (2**30, "Gi"), (2**20, "Mi"), (2**10, "Ki"))
_CONTEXT = ((2**20, "M"), (2**10, "k"))
_WORDS = ("three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")


def told(node: Node) -> str:
    """The facts of a node, the most telling first."""
    named = {name: one for name in node.facts if (one := _one(name, node))}
    if node.kind in ("repeat", "each"):
        return "  ".join(named.values())
    return " · ".join(named.values())


def _one(name: str, node: Node) -> str:
    facts, value = node.facts, node.facts[name]
    match name, value:
        case "params", int() | Range():
            return f"{_scaled(value)} params"
        case "length", int() | Range():
            return f"{_scaled(value)} tokens" if node.group == "pre-training" else ""
        case "tokens", int() | Range():
            is_shown = node.group == "" or (node.group == "pre-training" and "length" not in facts)
            return f"{_scaled(value)} tokens" if is_shown else ""
        case "examples", int() | Range():
            return f"{_scaled(value)} examples"
        case "context", _:
            return _moving(value, _CONTEXT)
        case "batch", _:
            return _moving(value, _BINARY)
        case "sequences", _:
            return f"{_moving(value, ())} sequences"
        case "steps", int() | Range():
            return f"{_digits(value)} step{'' if value == 1 else 's'}"
        case "waits", str():
            return f"known after {_near(value, node)}"
        case "per_prompt", str():
            return f"{value} per prompt"
        case "keep", str():
            return "" if value == "all" else value if value.startswith(("best", "top")) else f"keeps {value}"
        case "by", str():
            return f"by {value}"
        case "benches", int() | Range():
            return f"{_digits(value)} bench{'' if value == 1 else 'es'}"
        case "vocab", int() | Range():
            return f"{_digits(value)} entries"
        case "passes", float() | int():
            return f"{value:.2f} passes" if value >= 0.01 else f"{value:.1g} passes"
        case "drawn", int():
            return "" if "passes" in facts else f"{_scaled(value)} tokens drawn"
        case "turns", int() | Range():
            return f"×{_digits(value)}"
        case "averaged", _:
            return "averaged"
        case "over", _:
            return ""
        case "items", tuple():
            return f"{facts['over']}: {_listed([str(item) for item in value])}"
        case "carries", tuple():
            return ", ".join(_carry(one) for one in value if isinstance(one, Carry))
        case (("shares" | "starts"), tuple()):
            return " · ".join(str(one) for one in value)
        case _:
            return str(value)


def _carry(carry: Carry) -> str:
    return f"{carry.name}: {carry.first}" + (f" → {carry.next}" if carry.next else "")


def _listed(items: list[str]) -> str:
    """All items, or the first and the last where there are many."""
    return ", ".join(items if len(items) <= 5 else [*items[:3], "…", items[-1]])


def _moving(value: Value, units: tuple[tuple[int, str], ...]) -> str:
    if not isinstance(value, Moves):
        return _sized(value, units)
    steps = f" in {_WORDS[value.changes - 3]}" if 3 <= value.changes < 3 + len(_WORDS) else ""
    return f"{_sized(value.first, units)}→{_sized(value.last, units)}{steps}"


def _sized(value: Value, units: tuple[tuple[int, str], ...]) -> str:
    """A number in the largest unit that divides it."""
    if isinstance(value, Range):
        return f"{_sized(value.least, units)}..{_sized(value.most, units)}"
    if not isinstance(value, int):
        return str(value)
    found = next(((unit, sign) for unit, sign in units if value and value % unit == 0), (1, ""))
    return f"{digits(value // found[0])}{found[1]}"


def _scaled(value: int | Range) -> str:
    """Four digits of a number, and its power of a thousand."""
    if isinstance(value, Range):
        return f"{_scaled(value.least)}..{_scaled(value.most)}"
    unit, sign = next(((unit, sign) for unit, sign in _DECIMAL if value >= unit), (1, ""))
    return f"{value / unit:.4g}{sign}"


def _digits(value: int | Range) -> str:
    return f"{digits(value.least)}..{digits(value.most)}" if isinstance(value, Range) else digits(value)


# ---- what is read ------------------------------------------------------------------------


def reads(node: Node, drawing: Drawing) -> list[str]:
    """What a node reads, as it is called where the node stands; not the model that it hangs under."""
    found = [
        _called(edge, node, drawing)
        for edge in drawing.into.get(node.address, [])
        if _is_told(edge, node, drawing)
    ]
    return gathered(list(dict.fromkeys(found)))


def _is_told(edge: Edge, node: Node, drawing: Drawing) -> bool:
    if edge.role in _SILENT or edge.source == node.under:
        return False
    source = drawing.by_address.get(edge.source)
    is_diet = edge.role == "data" and node.group == "pre-training"
    return not is_diet or source is not None


def _called(edge: Edge, node: Node, drawing: Drawing) -> str:
    several = [one.through for one in drawing.into[node.address] if one.role == edge.role].count(edge.through)
    is_meant = edge.through and (drawing.folded or several > 1)
    return edge.through if is_meant else _near(edge.source, node)


def _near(address: str, node: Node) -> str:
    """An address without the part that it shares with the turns around a node."""
    around = [f"{turn}." for turn in boxes(node.address)[1::2]]
    return next((address.removeprefix(one) for one in reversed(around) if address.startswith(one)), address)
