"""How precise the linter is: silent about two hundred recipes that are right, and exact about one slip in each.

Printed with `-s`: how large the recipes are, what of the language they use, and what was found of each slip.
"""

from __future__ import annotations

from collections import Counter
from functools import cache
from random import Random

import pytest
from at_random import Draw
from at_random.slips import SLIPS, Slip
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lehr.compiler.diagnostics.diagnostic import Diagnostic, Severity
from lehr.compiler.front import ast, parse
from lehr.compiler.graph.blocks import KINDS
from lehr.compiler.graph.blocks.calls import CALLS
from lehr.compiler.graph.schema import Block, Schema
from lehr.compiler.journey import Journey, travel
from lehr.compiler.lint.spec import walk
from lehr.compiler.text import Source
from lehr.compiler.tools.manual import schemas

pytestmark = pytest.mark.proof
COUNT, FEWEST = 200, 3
RESOURCES = {
    "pipeline",
    "arch",
    "corpus",
    "mix",
    "prompts",
    "preferences",
    "template",
    "optimizer",
    "bench",
    "cluster",
}
WORK = {*KINDS} - RESOURCES


def look(text: str) -> Journey:
    return travel("recipe.lehr", source=Source("recipe.lehr", text))


def grave(journey: Journey) -> list[Diagnostic]:
    return [found for found in journey.letters if found.severity is not Severity.NOTE]


@cache
def seeds() -> tuple[int, ...]:
    """Two hundred seeds, drawn by hypothesis and the same every time."""
    found: list[int] = []

    @settings(max_examples=COUNT, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(st.integers(0, 2**32))
    def gather(seed: int) -> None:
        found.append(seed)

    gather()
    return tuple([*dict.fromkeys(found), *range(COUNT)][:COUNT])


def test_recipes_that_are_right_get_no_error_and_hardly_a_warning():
    sizes: list[int] = []
    warnings: Counter[str] = Counter()
    for seed in seeds():
        text = Draw(seed).draw().text()
        journey = look(text)
        letters = grave(journey)
        errors = [
            (one.code, one.headline, str(one.span)) for one in letters if one.severity is Severity.ERROR
        ]
        assert errors == [], f"seed {seed}\n{text}"
        warnings.update(one.code for one in letters)
        assert journey.graph
        sizes.append(sum(block.kind in WORK for block in journey.graph.blocks.values()))
    mean = sum(warnings.values()) / COUNT
    low, middle, high = min(sizes), sorted(sizes)[COUNT // 2], max(sizes)
    print(
        f"{COUNT} recipes of {low} to {high} stages, {middle} in the middle: no error, {mean:.3f} warnings each"
    )
    assert 5 <= low <= high <= 40
    assert high - low > 20
    assert mean <= 0.2, warnings


def test_recipes_use_every_kind_call_and_field():
    wanted = {use for name, schema in KINDS.items() for use in uses(name, schema)}
    wanted |= {use for name, schema in CALLS.items() for use in uses(f"{name}()", schema)}
    seen: set[tuple[str, str]] = set()
    for seed in seeds():
        file, letters = parse(Source("recipe.lehr", Draw(seed).draw().text()))
        assert (letters, file is None) == ([], False)
        for node in walk(file.body if file else ()):
            seen |= set(used(node))
    print(f"{len(wanted)} kinds, calls and fields, all in use")
    assert sorted(wanted - seen) == []


def uses(name: str, schema: type[Schema]) -> set[tuple[str, str]]:
    """A kind and its fields; those of the blocks inside it as `distill.average`."""
    found = {(name, ""), *((name, field) for field in schema.fields())}
    for field, (info, holds) in schema.fields().items():
        for inner in schemas(info) if holds.block else ():
            found |= uses(f"{name}.{field}", inner)
    for field, inner in schema.steps_within.items() if issubclass(schema, Block) else ():
        found |= uses(f"{name}.{field}", inner)
    return found


def used(node: ast.Node) -> list[tuple[str, str]]:
    match node:
        case ast.Block(name=ast.Name()):
            return in_block(node, node.kind.text)
        case ast.Name(text=text) if text in CALLS:
            return [(f"{text}()", "")]
        case ast.Call(of=ast.Name(text=text), arguments=arguments) if text in CALLS:
            names = list(CALLS[text].fields())
            return [
                (f"{text}()", one.name.text if one.name else names[place])
                for place, one in enumerate(arguments)
                if one.name or place < len(names)
            ]
        case _:
            return []


def in_block(block: ast.Block, path: str) -> list[tuple[str, str]]:
    found = [(path, "")]
    for one in block.body:
        if isinstance(one, ast.Field):
            found.append((path, one.path[0].text))
        elif isinstance(one, ast.Block):
            found += [(path, one.kind.text), *in_block(one, f"{path}.{one.kind.text}")]
    return found


def test_one_slip_in_each_is_found_and_little_else():
    applied: Counter[str] = Counter()
    beside: list[int] = []
    for seed in seeds():
        slip, text = slipped(seed, applied)
        applied[slip.name] += 1
        letters = grave(look(text))
        assert slip.code in {one.code for one in letters}, f"{slip.name}, seed {seed}\n{text}"
        others = [one for one in letters if one.code != slip.code and one.code not in slip.also]
        assert len(others) <= 1, f"{slip.name}, seed {seed}: {[(one.code, one.headline) for one in others]}"
        beside.append(len(others))
    kinds = {slip.name for slip in SLIPS}
    print(
        f"{len(kinds)} kinds of slip in {COUNT} recipes: all found, {sum(beside) / COUNT:.3f} letters beside them"
    )
    rare = {name: applied[name] for name in sorted(kinds) if applied[name] < FEWEST}
    print(f"applied: {dict(applied.most_common())}; fewer than {FEWEST} times: {rare}")
    assert len(kinds - set(rare)) >= 30
    assert min(applied[name] for name in kinds) >= 1


def slipped(seed: int, applied: Counter[str]) -> tuple[Slip, str]:
    """The recipe of a seed with one slip in it: of the kinds that apply, the one that came least often so far."""
    chance = Random(seed)
    for slip in sorted(SLIPS, key=lambda one: applied[one.name]):
        recipe = Draw(seed).draw()
        places = list(slip.places(recipe))
        if places:
            chance.choice(places)()
            return slip, recipe.text()
    raise AssertionError(f"no slip applies to seed {seed}")
