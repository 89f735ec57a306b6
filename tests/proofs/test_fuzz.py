"""Whatever stands in a file, `check` answers with letters: it never raises and never hangs."""

import pytest
from fuzz import LOOPED, SMALL, fuzz

from lehr.compiler.journey import travel
from lehr.compiler.text import Source

pytestmark = pytest.mark.proof


@pytest.mark.parametrize("seed", range(4))
def test_bent_specs_are_answered(seed: int):
    tally = fuzz(1000, seed)
    print(
        f"seed {seed}: {tally.parsed} of {tally.tried} parse, slowest {tally.slowest:.2f} s, {len(tally.codes)} codes"
    )
    assert tally.faults == []
    assert tally.parsed > tally.tried / 3


def test_what_is_bent_was_straight():
    journey = travel("recipe.lehr", source=Source("recipe.lehr", SMALL + LOOPED))
    assert [(letter.code, letter.headline) for letter in journey.letters if letter.severity != "note"] == []
