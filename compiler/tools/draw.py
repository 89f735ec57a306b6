"""From a view of a spec to its drawing: lineages as a tree, loops as boxes, every reference as an edge.

Comes after the journey; `fold`, `tree` and `markup` go on from here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ..front import ast
from ..graph.blocks.curate import Curate
from ..graph.blocks.eval import Eval
from ..graph.blocks.label import Label
from ..graph.blocks.release import Release
from ..graph.blocks.sample import Sample
from ..graph.blocks.synthesize import Synthesize
from ..graph.lineage import parent, ref_of
from ..graph.loops import Loop
from ..graph.model import Graph
from ..graph.schema import MODELS, Block, references
from ..graph.values import Pick, Portion, Ref
from ..graph.views import View
from ..lint.ledger import is_pretraining
from .drawing import Carry, Drawing, Edge, Facts, Node, Value, boxes, prefix
from .facts import facts, read
from .stage import spell

_WORD = re.compile(r"\w+")
_POST = ("sft", "dpo", "rl", "reward", "sample", "label")
_GROUPS = {
    "curate": "data",
    "classifier": "data",
    "synthesize": "data",
    "eval": "evaluation",
    "release": "release",
    **dict.fromkeys(_POST, "post-training"),
}


def draw(view: View) -> Drawing:
    """Every block of a sound view, every loop and every turn of it."""
    assert view.graph
    return _Pen(view, view.graph).drawing()


class _Pen:
    """What is asked again and again while a view is drawn."""

    def __init__(self, view: View, graph: Graph) -> None:
        self.graph, self.profile = graph, view.profile
        self.loops = {loop.address: loop for loop in view.builder.loops.opened.values() if loop}
        self.carried = view.builder.loops.carried
        self._under: dict[str, str] = {}
        self._groups: dict[str, str] = {}
        self._known: dict[str, dict[str, set[str]]] = {}
        self._hosts = self._first_hosts()

    def drawing(self) -> Drawing:
        blocks = self._meant()
        around = dict.fromkeys(box for block in blocks for box in [*boxes(block.address), block.address])
        drawn = read(self.graph)
        nodes = [self._node(address, drawn) for address in around]
        edges = [edge for block in blocks for edge in self._edges(block)]
        return Drawing(self.graph.pipeline.address, self.profile, tuple(nodes), tuple(edges))

    def _meant(self) -> list[Block]:
        """The spec's own blocks, and those of its imports that they need."""
        found = self.graph.blocks
        own = self.graph.pipeline.header.source.path
        waiting = [name for name, block in found.items() if block.header.source.path == own]
        needed = set(waiting)
        while waiting:
            more = set(found[waiting.pop()].needs()) - needed
            needed |= more
            waiting += more
        return [found[name] for name in found if name in needed and found[name] is not self.graph.pipeline]

    # ---- nodes ---------------------------------------------------------------------------

    def _node(self, address: str, drawn: dict[str, Facts]) -> Node:
        block = self.graph.blocks.get(address)
        if block is None:
            return self._box(address)
        known = {**facts(block, self.graph), **drawn.get(address, {})}
        group = self._group(block)
        count = (len(block.of) if isinstance(block, Eval) else 1) if group else 0
        return Node(address, block.kind, known, self._hangs(block), group, count)

    def _box(self, address: str) -> Node:
        loop = self.loops.get(address)
        if loop is None:
            return Node(address, "turn", self._turn(address), boxes(address)[-1])
        statement = loop.statement
        known: dict[str, Value] = {"turns": len(loop.turns)}
        if isinstance(statement, ast.Repeat):
            known["carries"] = tuple(self._carry(loop, one.name) for one in statement.carries)
            return Node(address, "repeat", known, self._box_hangs(address))
        items = [turn.values[statement.variable.text] for turn in loop.turns]
        known["over"] = statement.variable.text
        known["items"] = tuple(_short(item, address) for item in items)
        return Node(address, "each", known, self._box_hangs(address))

    def _carry(self, loop: Loop, name: ast.Name) -> Carry:
        first = _short(self.carried(loop, 0, name), loop.address)
        then = self.carried(loop, 1, name) if loop.turns else None
        return Carry(name.text, first, "" if then is None else _short(then, f"{loop.address}[1].turn"))

    def _turn(self, address: str) -> dict[str, Value]:
        """What one turn starts with."""
        loop, place = self._of_turn(address)
        if isinstance(loop.statement, ast.Each):
            starts = {name: _short(value, loop.address) for name, value in loop.turns[place].values.items()}
        else:
            starts = {
                one.name.text: _short(self.carried(loop, place, one.name), loop.address)
                for one in loop.statement.carries
            }
        return {"starts": tuple(f"{name} = {value}" for name, value in starts.items())}

    def _group(self, block: Block) -> str:
        """Pre-training, until the lineage has seen an answer."""
        if block.kind in _GROUPS or block.kind not in MODELS:
            return _GROUPS.get(block.kind, "")
        way: list[str] = []
        at: Block | None = block
        group = "pre-training"
        while at:
            if at.address in self._groups or at.kind in _POST:
                group = self._groups.get(at.address, "post-training")
                break
            way.append(at.address)
            if at.kind == "distill" and not is_pretraining(at):
                group = "post-training"
                break
            above = parent(at)
            at = self.graph.blocks.get(above.address) if above else None
        self._groups |= dict.fromkeys(way, group)
        return group

    # ---- what hangs under what -------------------------------------------------------------

    def _hangs(self, block: Block) -> str:
        """The model that a block starts from where that stands beside it, or the turn that it is in."""
        if isinstance(block, Release):
            return self._released(block)
        return self._place(block.address, _host(block))

    def _released(self, block: Release) -> str:
        """A picked model is one of several: it is marked at the loop that made most of them."""
        if isinstance(block.model, Ref):
            return block.model.address
        made = [ref.address for ref in references(block.model) if ref.kind in MODELS]
        return next((boxes(address)[0] for address in made if boxes(address)), made[0])

    def _box_hangs(self, address: str) -> str:
        """A loop hangs under the model that it carries, or that its first turn starts from."""
        if address not in self._under:
            self._under[address] = ""
            self._under[address] = self._place(address, self._hosts.get(address, ""))
        return self._under[address]

    def _place(self, address: str, host: str) -> str:
        own, above = boxes(address), boxes(host)
        if not host or above[: len(own)] != own:
            return own[-1] if own else ""
        return self._box_hangs(above[len(own)]) if len(above) > len(own) else host

    def _first_hosts(self) -> dict[str, str]:
        """By loop, the model from outside that its first turn begins with."""
        found: dict[str, str] = {}
        for address, loop in self.loops.items():
            statement = loop.statement
            for carry in statement.carries if isinstance(statement, ast.Repeat) else ():
                models = [ref for ref in references(self.carried(loop, 0, carry.name)) if ref.kind in MODELS]
                if models:
                    found.setdefault(address, models[0].address)
        for block in self.graph.blocks.values():
            host = _host(block)
            for loop in boxes(block.address)[::2] if host else ():
                if loop not in boxes(host):
                    found.setdefault(loop, host)
        return found

    # ---- edges -------------------------------------------------------------------------------

    def _edges(self, block: Block) -> list[Edge]:
        found = [
            self._edge(block, field, ref.address)
            for field, value in _fields(block)
            for ref in references(value)
        ]
        seen = {edge.source for edge in found}
        role = "share" if block.kind == "mix" else "require"
        found += [self._edge(block, role, one) for one in block.needs() if one not in seen]
        return list(dict.fromkeys(found))

    def _edge(self, block: Block, role: str, source: str) -> Edge:
        span = block.spans.get(role)
        written = set(_WORD.findall(span.text)) if span else set[str]()
        own = boxes(block.address)
        named = [self._names(turn) for turn in own[1::2]]
        through = [
            name for names in named for name, stands in names.items() if name in written and source in stands
        ]
        carried = any(
            there != here and there.rpartition("[")[0] == here.rpartition("[")[0]
            for here, there in zip(own[1::2], boxes(source)[1::2], strict=False)
        )
        return Edge(source, block.address, role, through[0] if through else "", carried)

    def _names(self, turn: str) -> dict[str, set[str]]:
        """The names that change with every turn of a loop, and the blocks that they stand for in one."""
        if turn not in self._known:
            loop, place = self._of_turn(turn)
            values = dict(loop.turns[place].values)
            if isinstance(loop.statement, ast.Repeat):
                values |= {
                    one.name.text: self.carried(loop, place, one.name) for one in loop.statement.carries
                }
            self._known[turn] = {
                name: {ref.address for ref in references(value)} for name, value in values.items()
            }
        return self._known[turn]

    def _of_turn(self, turn: str) -> tuple[Loop, int]:
        """A turn's loop, and which one of its turns it is, from 0."""
        address, _, number = turn.removesuffix("]").rpartition("[")
        return self.loops[address], int(number) - 1


def _fields(block: Block) -> Iterator[tuple[str, Any]]:
    """The fields of a block by the names that a spec writes; the steps within it by theirs."""
    for name in type(block).fields():
        yield name, block.value(name)
    for step in getattr(block, "steps", None) or () if block.steps_within else ():
        yield type(step).__name__.lower(), step


def _host(block: Block) -> str:
    """The model, or the data, that a block makes something of."""
    match block:
        case Sample():
            found = ref_of(block.models[0]) if block.models else None
        case Label():
            found = block.of.of if isinstance(block.of, Portion) else block.of
        case Synthesize():
            found = ref_of(block.by) if isinstance(block.by, Ref | Pick) else None
        case Eval():
            models = {ref.address for ref in references(block.of)}
            found = ref_of(block.of[0]) if len(models) == 1 else None
        case Curate():
            found = block.of
        case _:
            found = parent(block)
    return found.address if found else ""


def _short(value: Any, at: str) -> str:
    """A value as it is called at an address."""
    if isinstance(value, Pick):
        return f"top {value.count}"
    if isinstance(value, Ref):
        return value.address.removeprefix(prefix(at))
    if isinstance(value, Portion):
        return spell(value).removeprefix(prefix(at))
    if isinstance(value, tuple):
        return ", ".join(_short(item, at) for item in value)  # pyright: ignore[reportUnknownVariableType]
    return spell(value)
