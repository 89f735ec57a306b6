"""What calls and indices make: built-in calls, methods of data, `min max sum`, turns of a loop.

`build` hands over what the evaluator meets.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol, cast

from ..front import ast
from ..text import Span
from ..units import Quantity, show
from .blocks.calls import CALLS
from .derive import Derived
from .evaluate import ANYTHING, Evaluator, World
from .fill import Filler
from .letters import letter, unknown
from .loops import Loop
from .names import Scope
from .reach import Reach
from .schema import CHECKERS, MODELS, Holds
from .values import HOLE, Pick, Portion, Ref

_COUNT = Holds(kind="count")
_TEXT = Holds(text=True)
_JUDGE = Holds(refers=("reward",), words=CHECKERS)
_BY_NUMBER = ("until", "latest", "part")
_BY_TAG = ("filtered", "upsampled")
_DATA = ("corpus", "curate", "synthesize", "sample", "label", "preferences", "prompts")


class _World(World, Protocol):
    @property
    def profile(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Methods:
    """Calls and indices of one elaboration."""

    world: _World
    derived: Derived
    reach: Reach

    # ---- calls ---------------------------------------------------------------------------

    def call(self, node: ast.Call, holds: Holds, scope: Scope) -> Any:
        match node.of:
            case ast.Name(text="top") if "top" not in holds.calls or len(node.arguments) > 1:
                return self._pick(node, Evaluator(self.world, scope))
            case ast.Name(text=text) if text in CALLS and (text in holds.calls or holds == ANYTHING):
                made = Filler(self.world, f"{text}(…)").arguments(CALLS[text], node, scope)
                return HOLE if made is None else made
            case ast.Name(text="min" | "max" | "sum" as text):
                return self.reach.reduced(text, node, Evaluator(self.world, scope))
            case ast.Name(span=span):
                return self.reach.no_call(span, holds.calls or (*CALLS, "min", "max", "sum"))
            case ast.Member(of=of, name=ast.Name(text="at")) if len(node.arguments) == 1:
                return self.reach.at(of, node, Evaluator(self.world, scope))
            case ast.Member(of=of, name=name):
                return self._portion(of, name, node, Evaluator(self.world, scope))
            case _:
                return self._say(letter("NAM107", "this cannot be called", node.span))

    def _pick(self, node: ast.Call, evaluator: Evaluator) -> Any:
        """`top(4, models, by: judge)`."""
        given = self._arguments(node, ("count", "of", "by"), evaluator)
        if given is None:
            return HOLE
        count = evaluator.fit(evaluator.value(given["count"].value), _COUNT, given["count"].span)
        models = evaluator.value(given["of"].value)
        judge = evaluator.fit(evaluator.value(given["by"].value, _JUDGE), _JUDGE, given["by"].span)
        if HOLE in (count, models, judge):
            return HOLE
        listed = cast("tuple[Any, ...]", models) if isinstance(models, tuple) else (models,)
        strange = [one for one in listed if not (isinstance(one, Pick) or _is_model(one))]
        if strange or not listed:
            headline = "`top` picks from a list of models"
            return self._say(letter("NAM107", headline, given["of"].span, help=("write `[one, other]`",)))
        if count.value < 1:
            return self._say(letter("UNI107", "`top` picks one at least", given["count"].span))
        return Pick(int(count.value), listed, judge)

    def _arguments(
        self, node: ast.Call, names: tuple[str, ...], evaluator: Evaluator
    ) -> dict[str, ast.Argument] | None:
        """Arguments by name; those without one in order."""
        given: dict[str, ast.Argument] = {}
        for index, argument in enumerate(node.arguments):
            name = argument.name.text if argument.name else names[index] if index < len(names) else ""
            if name not in names or name in given:
                headline = f"this call takes {', '.join(f'`{one}`' for one in names)}, each once"
                self._say(letter("NAM102", headline, argument.span))
                return None
            given[name] = argument
        missing = [name for name in names if name not in given]
        if missing:
            self._say(letter("NAM109", f"this call needs `{missing[0]}`", node.span))
        return None if missing else given

    def _portion(self, of: ast.Expr, name: ast.Name, node: ast.Call, evaluator: Evaluator) -> Any:
        """`human.until(2)`, `asks.part(1, of: 8)`, `answers.filtered("easy")`."""
        data = evaluator.value(of)
        if data is HOLE:
            return HOLE
        if name.text not in (*_BY_NUMBER, *_BY_TAG):
            return self._say(
                unknown(
                    "NAM102",
                    f"there is no method `{name.text}`",
                    name.span,
                    "",
                    (*_BY_NUMBER, *_BY_TAG, "at"),
                )
            )
        if not (isinstance(data, Ref) and data.kind in _DATA):
            return self._say(letter("NAM107", f"`.{name.text}()` is part of some data", of.span))
        if name.text in ("until", "latest") and data.kind != "preferences":
            headline = f"`.{name.text}()` reads batches of preferences; `{data.address}` is a {data.kind}"
            return self._say(letter("NAM107", headline, of.span))
        given = self._arguments(node, ("i", "of") if name.text == "part" else ("i",), evaluator)
        if given is None:
            return HOLE
        holds = _TEXT if name.text in _BY_TAG else _COUNT
        values = [evaluator.fit(evaluator.value(one.value, holds), holds, one.span) for one in given.values()]
        if HOLE in values:
            return HOLE
        if name.text in _BY_TAG:
            return Portion(data, name.text, values[0])
        return self._numbered(data, name.text, [int(value.value) for value in values], node.span)

    def _numbered(self, data: Ref, how: str, numbers: list[int], span: Span) -> Any:
        whole = numbers[1] if how == "part" else self.derived.batches(data)
        if whole is not None and not 1 <= numbers[0] <= whole:
            what = "part" if how == "part" else "batch"
            headline = f"there is no {what} {numbers[0]} of {whole}"
            return self._say(letter("NAM112", headline, span))
        return Portion(data, how, numbers[0], whole or 0)

    # ---- indices -------------------------------------------------------------------------

    def element(self, of: Any, index: Any, node: ast.Element) -> Any:
        """Turns and items are counted from 1, as rounds are."""
        items = of.turns if isinstance(of, Loop) else of
        if not isinstance(items, list | tuple):
            return self._say(letter("NAM107", "`[ ]` follows a loop or a list", node.of.span))
        turns = tuple(cast("list[Any]", items))
        if index is None:
            return turns
        if not isinstance(index, Quantity) or index.dims or index.prefix or index.value.denominator != 1:
            return self._say(letter("NAM107", "a whole number or `*` stands in `[ ]`", node.span))
        if not 1 <= index.value <= len(turns):
            what = (
                f"`{of.address}` has {len(turns)} turns"
                if isinstance(of, Loop)
                else f"this has {len(turns)} items"
            )
            return self._say(letter("NAM112", f"there is no number {show(index)}: {what}", node.span))
        return turns[int(index.value) - 1]

    def _say(self, diagnostic: Any) -> Any:
        self.world.letters.append(diagnostic)
        return HOLE


def _is_model(value: Any) -> bool:
    return isinstance(value, Ref) and value.kind in MODELS
