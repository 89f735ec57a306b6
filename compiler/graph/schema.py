"""How a block kind says what it holds: the base of every schema under `blocks/`.

A schema is a pydantic model whose fields carry a `Holds`: the kind of quantity,
the kinds of block it may name, the words it knows.  `build` fills schemas from
the tree by reading these; manuals, completion and diagnostics read them too.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar, cast

from pydantic import BaseModel, ConfigDict, Field
from pydantic.fields import FieldInfo

from ..text import Span
from ..units import Quantity
from .values import Gate, Interval, Pick, Portion, Ref, Timeline, scores

TRAINED = ("train", "distill", "prune", "sft", "dpo", "rl")
"""Block kinds that train a model and hand it on."""
MODELS = ("init", "load", *TRAINED, "upcycle", "merge")
"""Block kinds whose main output is a model."""
TEXTS = ("corpus", "curate", "synthesize")
"""Block kinds whose main output is text."""
CHECKERS = ("exact_answer", "contains", "well_formed", "shorter")
"""Words for checks of an answer that need no model."""


@dataclass(frozen=True, slots=True)
class Holds:
    """What a field's expression must come to; the parts that are set are the alternatives."""

    kind: str = ""
    moves: bool = False
    refers: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    calls: tuple[str, ...] = ()
    text: bool = False
    truth: bool = False
    many: bool = False
    lone: bool = False
    """Of a list: whether a single item may stand without its brackets."""
    block: str = ""
    ranges: bool = False

    def describe(self) -> str:
        """What is due, in words."""
        one = [self.kind if self.kind.endswith("s") else _with_article(self.kind)] if self.kind else []
        one += [f"a range of {self.kind}"] if self.ranges else []
        one += [f"one of {', '.join(f'`{word}`' for word in self.words)}"] if len(self.words) > 1 else []
        one += [f"`{self.words[0]}`"] if len(self.words) == 1 else []
        one += [_referred(self.refers)] if self.refers else []
        one += [f"`{'(…)` or `'.join(self.calls)}(…)`"] if self.calls else []
        one += ["a text in double quotes"] if self.text else []
        one += ["`true` or `false`"] if self.truth else []
        return ("a list of: " if self.many else "") + " or ".join(one)


def _referred(kinds: tuple[str, ...]) -> str:
    """The kinds of block that may be named; all those that make models are `a model`."""
    named = [kind for kind in kinds if kind not in MODELS or not set(MODELS) <= set(kinds)]
    model = ["model"] if len(named) < len(kinds) else []
    return " or ".join(map(_with_article, [*model, *named]))


def _with_article(noun: str) -> str:
    """`a count`, `an arch`."""
    return f"{'an' if noun[0] in 'aeio' else 'a'} {noun}"


def _as_it_is(cls: type, _source: object, _handler: object) -> dict[str, object]:
    return {"type": "is-instance", "cls": cls}


for _made in (Span, Quantity, Gate, Interval, Pick, Portion, Ref, Timeline):
    # Whoever made such a value has checked it.  Without this, pydantic writes a validator for every field of
    # every dataclass in every schema, which was a third of the time of a check.
    setattr(_made, "__get_pydantic_core_schema__", classmethod(_as_it_is))  # noqa: B010

_ABOUT = frozenset({"spans", "remarks", "changes", "header", "address", "doc", "gates"})


class Schema(BaseModel):
    """A block or call with everything in it evaluated."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", arbitrary_types_allowed=True, populate_by_name=True, defer_build=True
    )

    spans: dict[str, Span] = Field(default_factory=dict, exclude=True, repr=False)
    remarks: dict[str, str] = Field(default_factory=dict, exclude=True, repr=False)
    """The comment beside a field, such as `assumed: the paper gives shares, not sizes`."""
    changes: dict[str, tuple[str, ...]] = Field(default_factory=dict, exclude=True, repr=False)
    """What a profile made of a field's written value, in words and in order."""
    header: Span = Field(exclude=True, repr=False)

    @classmethod
    @cache
    def fields(cls) -> dict[str, tuple[FieldInfo, Holds]]:
        """The fields a spec may write, by the name it writes, with what each holds."""
        found: dict[str, tuple[FieldInfo, Holds]] = {}
        for name, info in cls.model_fields.items():
            holds = next((part for part in info.metadata if isinstance(part, Holds)), None)
            if holds:
                found[info.alias or name] = (info, holds)
        return found

    @classmethod
    @cache
    def contents(cls) -> tuple[str, ...]:
        """The attributes that hold what the spec says; not those about how it says it."""
        return tuple(name for name in cls.model_fields if name not in _ABOUT)

    def value(self, field: str) -> Any:
        """What a field came to, by the name that a spec writes."""
        return getattr(self, type(self)._attributes()[field])

    @classmethod
    @cache
    def _attributes(cls) -> dict[str, str]:
        """The attribute of each field; they differ where a field is called like a word of Python."""
        return {info.alias or name: name for name, info in cls.model_fields.items()}

    def span(self, field: str) -> Span:
        """Where a field's value stands, or the block's header where it was left out."""
        return self.spans.get(field, self.header)


class Block(Schema):
    """A named block.  `address` is how the rest of the spec calls it."""

    kind: ClassVar[str]
    any_field: ClassVar[Holds | None] = None
    """Set where a block's field names are free, as in a mix: what each of them holds."""
    steps_within: ClassVar[dict[str, type[Schema]]] = {}
    """Nested blocks that may stand in any number and whose order counts, as in `curate`."""

    address: str
    doc: str = ""
    gates: tuple[Gate, ...] = Field(default=(), repr=False)

    @property
    def ref(self) -> Ref:
        return Ref(self.address, self.kind)

    def needs(self) -> list[str]:
        """Addresses of the blocks that this one names, in reading order; its gates' benches and models too.

        A gate may ask about the block's own model; a field that names its own block is a ring.
        """
        asked = [score for gate in self.gates for score in scores(gate.left, gate.right)]
        also = [ref for score in asked for ref in (score.model, score.bench) if ref]
        gated = [ref for ref in also if ref.address != self.address]
        return list(dict.fromkeys(ref.address for ref in (*references(self), *gated)))


def references(value: Any) -> list[Ref]:
    """Every block that a value names, in reading order."""
    if isinstance(value, Ref):
        return [value]
    if isinstance(value, Portion):
        return [value.of]
    if isinstance(value, Pick):
        return references((value.of, value.by))
    if isinstance(value, Schema):
        return [ref for name in type(value).contents() for ref in references(getattr(value, name))]
    if isinstance(value, dict):
        named = cast("dict[str, Any]", value)
        return [ref for item in named.values() for ref in references(item)]
    if isinstance(value, tuple):
        items = cast("tuple[Any, ...]", value)
        return [ref for item in items for ref in references(item)]
    start, legs = getattr(value, "start", None), getattr(value, "legs", None)
    return references((start, *(leg.value for leg in legs))) if legs is not None else []
