"""Seeds belong to a purpose, and are the same for ever: artifacts depend on them."""

from itertools import combinations

from lehr.runtime.parts.seeds import seed

PURPOSES = [(), ("order",), ("order", "a"), ("order", "a", 1), ("order", "a", "1"), ("ordera",), ("order", 1)]


def test_a_seed_never_changes():
    assert (seed(7), seed(7, "order", "prose", 3)) == (1723238359495444684, 7781521516155420042)


def test_each_purpose_has_its_own():
    assert all(seed(7, *one) != seed(7, *other) for one, other in combinations(PURPOSES, 2))
    assert len({seed(rng, "order") for rng in range(1000)}) == 1000


def test_a_seed_has_63_bits():
    drawn = [seed(rng, "size") for rng in range(1000)]
    assert (min(drawn) >= 0, max(drawn).bit_length()) == (True, 63)
