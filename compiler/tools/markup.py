"""A drawing for other programs: Graphviz, Mermaid, JSON.

Comes after `draw`, and after `fold` where the turns of loops are not asked for.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import asdict, is_dataclass
from typing import Any

from .drawing import DATA, LOOPS, Drawing, Edge, Facts, Node, boxes
from .told import told

VERSION = 1
_QUIET = ("from", "of", "model", "data", "share")
"""Roles that an arrow has without being told."""
_DOT = {"release": "house", "eval": "note"}
_MERMAID = {"release": ("([", "])"), "eval": ("[/", "/]")}
_ENTITIES = str.maketrans({"#": "#35;", '"': "#quot;", "<": "#lt;", ">": "#gt;"})
_GAP = re.compile(r"\W+")


def dot(drawing: Drawing) -> str:
    """For Graphviz; every loop is a cluster."""
    pen = _Pen(drawing)
    lines = [f"digraph {_quoted(drawing.pipeline)} {{"]
    lines += ["  rankdir = TB;", '  fontname = "sans-serif";']
    lines += ['  node [shape = box, style = rounded, fontname = "sans-serif"];']
    lines += ['  edge [fontname = "sans-serif", fontsize = 10];']
    lines += _dot_nodes(pen, "", "  ")
    for edge in pen.edges:
        told = {"label": _role(edge), "style": _style(edge)}
        own = ", ".join(f"{name} = {_quoted(value)}" for name, value in told.items() if value)
        lines.append(f"  {_quoted(edge.source)} -> {_quoted(edge.target)}{f' [{own}]' if own else ''};")
    return "\n".join([*lines, "}"]) + "\n"


def mermaid(drawing: Drawing) -> str:
    """For Mermaid, as Markdown on GitHub shows it; every loop is a subgraph."""
    pen = _Pen(drawing)
    lines = ["flowchart TD", *_mermaid_nodes(pen, "", "  ")]
    for edge in pen.edges:
        role, line = _role(edge), "-.->" if _style(edge) else "-->"
        label = f"|{_in_mermaid(role)}|" if role else ""
        lines.append(f"  {pen.ids[edge.source]} {line}{label} {pen.ids[edge.target]}")
    return "\n".join(lines) + "\n"


def as_json(drawing: Drawing) -> str:
    """Everything that is drawn, with exact numbers; loops are nodes, and `in` says what is inside."""
    nodes = [
        {"address": node.address, "kind": node.kind, **_inside(node), **_plain(node.facts)}
        for node in drawing.nodes
    ]
    edges = [
        {
            "from": edge.source,
            "to": edge.target,
            "role": edge.role,
            **({"through": edge.through} if edge.through else {}),
            **({"carried": True} if edge.carried else {}),
        }
        for edge in drawing.between
    ]
    found = {
        "version": VERSION,
        "pipeline": drawing.pipeline,
        "profile": drawing.profile,
        "nodes": nodes,
        "edges": edges,
        "counts": drawing.counts(),
    }
    return json.dumps(found, indent=2, ensure_ascii=False) + "\n"


def _inside(node: Node) -> dict[str, str]:
    around = boxes(node.address)
    return {"in": around[-1].removesuffix("[*]")} if around else {}


def _plain(facts: Facts) -> dict[str, Any]:
    """Facts as JSON has them."""

    def plain(value: Any) -> Any:
        if isinstance(value, tuple):
            return [plain(item) for item in value]  # pyright: ignore[reportUnknownVariableType]
        return asdict(value) if is_dataclass(value) and not isinstance(value, type) else value

    return {name: plain(value) for name, value in facts.items()}


class _Pen:
    """What both markups ask of a drawing: what stands in which box, and one arrow from one to another."""

    def __init__(self, drawing: Drawing) -> None:
        self.inside: dict[str, list[Node]] = {}
        for node in drawing.nodes:
            around = [box for box in boxes(node.address) if box in drawing.by_address]
            self.inside.setdefault(around[-1] if around else "", []).append(node)
        self.ids = _ids([node.address for node in drawing.nodes])
        arrows: dict[tuple[str, str, bool], Edge] = {}
        for edge in drawing.between:
            arrows.setdefault((edge.source, edge.target, edge.carried), edge)
        self.edges = list(arrows.values())

    def lines(self, node: Node) -> list[str]:
        facts = told(node)
        kind = "" if node.kind == "turn" else node.kind
        return [node.label, *([kind] if kind else []), *([facts] if facts else [])]


def _dot_nodes(pen: _Pen, box: str, indent: str) -> Iterator[str]:
    for node in pen.inside.get(box, []):
        lines = pen.lines(node)
        if node.kind in (*LOOPS, "turn"):
            yield f"{indent}subgraph {_quoted(f'cluster_{node.address}')} {{"
            yield f"{indent}  label = {_quoted('  '.join(lines))};"
            yield from _dot_nodes(pen, node.address, indent + "  ")
            yield f"{indent}}}"
            continue
        look = "cylinder" if node.kind in DATA else _DOT.get(node.kind, "")
        own = f", shape = {look}, style = solid" if look else ""
        yield f"{indent}{_quoted(node.address)} [label = {_quoted(chr(10).join(lines))}{own}];"


def _mermaid_nodes(pen: _Pen, box: str, indent: str) -> Iterator[str]:
    for node in pen.inside.get(box, []):
        lines, name = pen.lines(node), pen.ids[node.address]
        if node.kind in (*LOOPS, "turn"):
            yield f"{indent}subgraph {name} [{_in_mermaid('  '.join(lines))}]"
            yield from _mermaid_nodes(pen, node.address, indent + "  ")
            yield f"{indent}end"
            continue
        left, right = ("[(", ")]") if node.kind in DATA else _MERMAID.get(node.kind, ("[", "]"))
        yield f"{indent}{name}{left}{_in_mermaid(*lines)}{right}"


def _role(edge: Edge) -> str:
    """What an arrow says: the name that is carried, or the field that reads."""
    if edge.carried and edge.through:
        return edge.through
    return "" if edge.role in _QUIET else edge.role


def _style(edge: Edge) -> str:
    if edge.carried:
        return "dashed"
    return "dotted" if edge.role == "require" else ""


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _in_mermaid(*lines: str) -> str:
    """Quoted; what Mermaid would read as markup is written as entities."""
    return '"' + "<br/>".join(line.translate(_ENTITIES) for line in lines) + '"'


def _ids(addresses: list[str]) -> dict[str, str]:
    """Names of letters, digits and underscores, none of them a word of Mermaid, no two alike."""
    found: dict[str, str] = {}
    taken: set[str] = set()
    for address in addresses:
        plain = name = f"n_{_GAP.sub('_', address).strip('_')}"
        number = 2
        while name in taken:
            name, number = f"{plain}_{number}", number + 1
        taken.add(name)
        found[address] = name
    return found
