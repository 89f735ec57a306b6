"""What fills a block fits the block: values of the declared types, within their bounds."""

from fractions import Fraction
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import pytest
from at_random import Draw

from lehr.compiler.graph.field import field
from lehr.compiler.graph.schema import Block, Holds, Schema
from lehr.compiler.journey import travel
from lehr.compiler.text import Source, Span

HERE = Span(Source("recipe.lehr", "lehr 1\n"), 0, 4)


def fits(value: Any, annotation: Any) -> bool:
    """Whether a value is of an annotation's type."""
    parts = get_args(annotation)
    match get_origin(annotation):
        case None:
            return value is None if annotation is None else annotation is Any or isinstance(value, annotation)
        case origin if origin in (Union, UnionType):
            return any(fits(value, part) for part in parts)
        case origin if origin is tuple:
            inner = parts[:1] * len(value) if isinstance(value, tuple) and parts[1:] == (...,) else parts
            return isinstance(value, tuple) and all(map(fits, value, inner)) and len(value) == len(inner)
        case origin:
            return isinstance(value, origin)


def misfits(schema: Schema, path: str) -> list[str]:
    found: list[str] = []
    for name, one in schema.attributes.items():
        value = getattr(schema, name)
        if name in schema.contents() and not fits(value, one.annotation):
            found.append(f"{path}.{name}: {value!r} is no {one.annotation}")
        for inner in value if isinstance(value, tuple) else (value,):
            found += misfits(inner, f"{path}.{name}") if isinstance(inner, Schema) else []
    return found


@pytest.mark.parametrize("seed", range(8))
def test_every_value_of_a_recipe_is_of_the_type_that_its_field_declares(seed: int, tmp_path: Path):
    path = tmp_path / "recipe.lehr"
    path.write_text(Draw(seed).draw().text())
    journey = travel(str(path), ())
    blocks = [block for view in journey.views.values() for block in view.builder.blocks.values() if block]
    assert blocks
    assert [one for block in blocks for one in misfits(block, block.address)] == []


class Small(Schema):
    """A schema with a bound of each kind."""

    one: Annotated[int, Holds(kind="count")] = field(1, description="At least one.", ge=1)
    share: Annotated[Fraction | None, Holds(kind="ratio")] = field(None, description="A share.", gt=0, lt=1)
    names: Annotated[tuple[str, ...], Holds(text=True, many=True)] = field(
        (), description="One or two.", least=1, most=2
    )
    origin: Annotated[str, Holds(text=True)] = field(
        alias="from", description="Called like a word of Python."
    )


@pytest.mark.parametrize(
    ("name", "value", "fault"),
    [
        ("one", 1, ""),
        ("one", 0, "has to be at least 1"),
        ("share", None, ""),
        ("share", Fraction(0), "has to be above 0"),
        ("share", Fraction(1), "has to be below 1"),
        ("names", ("a", "b", "c"), "takes 2 at most; here are 3"),
        ("names", (), "needs at least 1; here are 0"),
    ],
)
def test_a_bound_says_what_is_wrong_with_a_value(name: str, value: Any, fault: str):
    assert Small.attributes[name].fault(value) == fault


def test_a_schema_is_filled_by_the_words_of_a_spec_and_read_by_both():
    small = Small(**{"from": "here", "header": HERE})
    assert (small.origin, small.value("from"), small.one) == ("here", "here", 1)
    assert list(Small.fields()) == ["one", "share", "names", "from"]
    assert small.replaced(one=2) == Small(**{"from": "here", "one": 2, "header": HERE})
    assert small != small.replaced(one=2)


def test_a_schema_never_changes_and_takes_no_strangers():
    small = Small(origin="here", header=HERE)
    with pytest.raises(AttributeError, match="one cannot be set"):
        small.one = 2
    with pytest.raises(TypeError, match="has no two"):
        Small(origin="here", header=HERE, two=2)
    with pytest.raises(TypeError, match="needs origin"):
        Small(header=HERE)


def test_fields_of_all_bases_are_there_once():
    class Both(Small, Block):
        """Two bases, as an optimizer has."""

    assert [name for name in Both.attributes if name in ("header", "one", "address")] == [
        "header",
        "address",
        "one",
    ]
