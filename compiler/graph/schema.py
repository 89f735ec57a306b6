"""How a block kind says what it holds: the base of every schema under `blocks/`.

A schema is a class whose fields carry a `Holds`: the kind of quantity,
the kinds of block it may name, the words it knows.  `build` fills schemas from
the tree by reading these; manuals, completion and diagnostics read them too.
"""

from dataclasses import dataclass
from fractions import Fraction
from functools import cache, cached_property
from inspect import get_annotations
from typing import Annotated, Any, ClassVar, Self, cast, get_origin

from ..text import Span
from ..units import Quantity
from .field import REQUIRED, Field, field
from .values import Gate, Pick, Portion, Ref, scores

TRAINED = ("train", "distill", "prune", "sft", "dpo", "rl")
"""Block kinds that train a model and hand it on."""
MODELS = ("init", "load", *TRAINED, "upcycle", "merge")
"""Block kinds whose main output is a model."""
TEXTS = ("corpus", "curate", "synthesize")
"""Block kinds whose main output is text."""
CHECKERS = ("exact_answer", "contains", "well_formed", "shorter", "unit_tests")
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


_ABOUT = frozenset({"spans", "remarks", "changes", "header", "address", "doc", "gates"})


class Schema:
    """A block or call with everything in it evaluated.  It never changes: `replaced` makes another."""

    attributes: ClassVar[dict[str, Field]] = {}
    """Every field, by the name of its attribute, those of the bases first."""

    spans: dict[str, Span] = field(factory=dict)
    remarks: dict[str, str] = field(factory=dict)
    """The comment beside a field, such as `assumed: the paper gives shares, not sizes`."""
    changes: dict[str, tuple[str, ...]] = field(factory=dict)
    """What a profile made of a field's written value, in words and in order."""
    header: Span = field()

    def __init__(self, **values: Any) -> None:
        for name, one in self.attributes.items():
            key = one.alias if one.alias in values else name
            self.__dict__[name] = values.pop(key) if key in values else one.begin()
            if self.__dict__[name] is REQUIRED:
                raise TypeError(f"{type(self).__name__} needs {name}")
        if values:
            raise TypeError(f"{type(self).__name__} has no {', '.join(values)}")

    def __init_subclass__(cls) -> None:
        bases = [base for base in reversed(cls.__mro__[1:]) if issubclass(base, Schema)]
        inherited = {name: one for base in bases for name, one in base.attributes.items()}
        cls.attributes = {**inherited, **_declared(cls)}

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{type(self).__name__}.{name} cannot be set: a schema never changes")

    def __eq__(self, other: object) -> bool:
        alike = type(self) is type(other)
        return alike and all(getattr(self, name) == getattr(other, name) for name in self.attributes)

    __hash__ = None  # pyright: ignore[reportAssignmentType]

    def __repr__(self) -> str:
        told = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.contents())
        return f"{type(self).__name__}({told})"

    def replaced(self, **values: Any) -> Self:
        """The same with other values in some attributes."""
        return type(self)(**{name: values.get(name, self.__dict__[name]) for name in self.attributes})

    @classmethod
    @cache
    def fields(cls) -> dict[str, tuple[Field, Holds]]:
        """The fields a spec may write, by the name it writes, with what each holds."""
        held = [(one.alias or name, one, holding(one)) for name, one in cls.attributes.items()]
        return {name: (one, holds) for name, one, holds in held if holds}

    @classmethod
    @cache
    def contents(cls) -> tuple[str, ...]:
        """The attributes that hold what the spec says; not those about how it says it."""
        return tuple(name for name in cls.attributes if name not in _ABOUT)

    def value(self, field: str) -> Any:
        """What a field came to, by the name that a spec writes."""
        return getattr(self, type(self)._attributes()[field])

    @classmethod
    @cache
    def _attributes(cls) -> dict[str, str]:
        """The attribute of each field; they differ where a field is called like a word of Python."""
        return {one.alias or name: name for name, one in cls.attributes.items()}

    def span(self, field: str) -> Span:
        """Where a field's value stands, or the block's header where it was left out."""
        return self.spans.get(field, self.header)


def _declared(schema: type[Schema]) -> dict[str, Field]:
    """The fields that a class adds to those of its bases."""
    found: dict[str, Field] = {}
    for name, annotation in get_annotations(schema).items():
        one = schema.__dict__.get(name)
        if isinstance(one, Field):
            is_marked = get_origin(annotation) is Annotated
            one.annotation = annotation.__origin__ if is_marked else annotation
            one.marks = annotation.__metadata__ if is_marked else ()
            found[name] = one
    return found


Schema.attributes.update(_declared(Schema))


def holding(one: Field) -> Holds | None:
    """What a field holds, if a spec may write it."""
    return next((mark for mark in one.marks if isinstance(mark, Holds)), None)


class Block(Schema):
    """A named block.  `address` is how the rest of the spec calls it."""

    kind: ClassVar[str]
    any_field: ClassVar[Holds | None] = None
    """Set where a block's field names are free, as in a mix: what each of them holds."""
    steps_within: ClassVar[dict[str, type[Schema]]] = {}
    """Nested blocks that may stand in any number and whose order counts, as in `curate`."""

    address: str = field()
    doc: str = field("")
    gates: tuple[Gate, ...] = field(())

    @property
    def ref(self) -> Ref:
        return Ref(self.address, self.kind)

    def needs(self) -> list[str]:
        """Addresses of the blocks that this one names, in reading order; its gates' benches and models too.

        A gate may ask about the block's own model; a field that names its own block is a ring.
        """
        return self._needs

    @cached_property
    def _needs(self) -> list[str]:
        asked = [score for gate in self.gates for score in scores(gate.left, gate.right)]
        also = [ref for score in asked for ref in (score.model, score.bench) if ref]
        gated = [ref for ref in also if ref.address != self.address]
        return list(dict.fromkeys(ref.address for ref in (*references(self), *gated)))


_NAMELESS = frozenset({type(None), bool, int, str, Fraction, Quantity})
"""Nine values of ten."""


def references(value: Any) -> list[Ref]:
    """Every block that a value names, in reading order."""
    if type(value) in _NAMELESS:
        return []
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
