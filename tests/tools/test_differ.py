"""Laws of differences, on recipes drawn at random."""

import re
from pathlib import Path
from random import Random

import pytest
from at_random import Draw

from lehr.cli.operands import Opened, Operand, opened
from lehr.cli.show_diff import as_github, show
from lehr.compiler.front import parse
from lehr.compiler.journey import broken
from lehr.compiler.text import Source
from lehr.compiler.tools.differ import Difference, Pipeline, difference
from lehr.compiler.tools.format import formatted

SEEDS = range(6)


def read(path: Path) -> tuple[Opened, Pipeline]:
    side = opened(Operand(str(path)), (), "full")
    assert side.pipeline, [one.headline for one in side.letters]
    return side, side.pipeline


def turned(text: str) -> str:
    """The same statements from the last to the first, without comments, laid out anew."""
    source = Source("x", text)
    file, _ = parse(source)
    body = [source.text[one.span.start : one.span.end] for one in reversed(file.body)]
    laid, letters = formatted(Source("x", "lehr 1\n" + "\n".join(body) + "\n"))
    assert laid, letters
    return laid


@pytest.mark.parametrize("seed", SEEDS)
def test_order_and_layout_are_no_difference(seed: int, tmp_path: Path):
    text = Draw(seed).draw().text()
    (tmp_path / "a.lehr").write_text(text)
    (tmp_path / "b.lehr").write_text(turned(text))
    (one, left), (other, right) = read(tmp_path / "a.lehr"), read(tmp_path / "b.lehr")
    assert (tmp_path / "b.lehr").read_text() != text
    found = difference(left, right, [])
    assert found.is_empty, show(found)
    assert one.journey
    assert other.journey
    assert broken(one.journey, other.journey, "full", "SPEC") == ([], [])


@pytest.mark.parametrize("seed", SEEDS)
def test_two_recipes_differ_by_the_same_from_either_side(seed: int, tmp_path: Path):
    (tmp_path / "a.lehr").write_text(Draw(seed).draw().text())
    (tmp_path / "b.lehr").write_text(Draw(seed + 100).draw().text())
    (one, left), (other, right) = read(tmp_path / "a.lehr"), read(tmp_path / "b.lehr")
    there, back = difference(left, right, []), difference(right, left, [])

    def named(found: Difference, action: str) -> set[tuple[str, str]]:
        return {(each.kind, each.address) for each in found.subjects if each.action == action}

    assert named(there, "added") == named(back, "removed")
    assert named(there, "removed") == named(back, "added")
    assert named(there, "changed") == named(back, "changed")
    assert Difference.model_validate_json(there.model_dump_json()) == there
    for found in (there, back):
        assert show(found, everything=True)
        assert as_github([found]).count("\n") == len(as_github([found]).splitlines())
    assert one.journey
    assert other.journey
    broken(one.journey, other.journey, "full", "SPEC")


@pytest.mark.parametrize("seed", SEEDS)
def test_no_result_changes_without_a_change_that_is_told(seed: int, tmp_path: Path):
    """Any numeral, one larger: where a step comes to another result, something is told that does not follow."""
    text = Draw(seed).draw().text()
    (tmp_path / "a.lehr").write_text(text)
    _, left = read(tmp_path / "a.lehr")
    assert difference(left, left, []).is_empty
    changed = 0
    for place in Random(seed).sample(list(re.finditer(r"(?<== )[1-9]\d*", text)), 6):
        (tmp_path / "b.lehr").write_text(f"{text[: place.start()]}{int(place[0]) + 1}{text[place.end() :]}")
        side = opened(Operand(str(tmp_path / "b.lehr")), (), "full")
        found = difference(left, side.pipeline, []) if side.pipeline else None
        if found and any(one.another for one in found.steps):
            changed += 1
            assert any(not one.follows for one in found.subjects)
    assert changed
