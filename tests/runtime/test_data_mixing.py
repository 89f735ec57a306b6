"""A mix keeps its shares: never off by one sequence, however they glide."""

from fractions import Fraction
from math import ceil, floor

from feeds import SETS, phase, work
from hypothesis import given
from hypothesis import strategies as st

from lehr.compiler.plan.model import Phase, Share
from lehr.runtime.parts.data.feed import Feed
from lehr.runtime.parts.data.mixing import Mixture


def mixture(first: list[int], last: list[int], sequences: int) -> Mixture:
    return Mixture([weighed(first, last, sequences)])


def weighed(first: list[int], last: list[int], steps: int, sequences: int = 1) -> Phase:
    """A phase whose shares go from these weights to those."""
    shares = {
        f"corpus {at}": Share(first=Fraction(one, sum(first)), last=Fraction(other, sum(last)))
        for at, (one, other) in enumerate(zip(first, last, strict=True))
        if one or other
    }
    return Phase(steps=steps, context=4, sequences=sequences, rope=None, shares=shares)


def drawn(mix: Mixture, sequences: int) -> list[str]:
    taken = dict.fromkeys(mix.names, 0)
    names = []
    for _ in range(sequences):
        names.append(mix.next(taken))
        taken[names[-1]] += 1
    return names


@given(
    data=st.data(), corpora=st.integers(1, 6), lengths=st.lists(st.integers(1, 15), min_size=1, max_size=5)
)
def test_no_corpus_is_ever_off_by_a_whole_sequence_whatever_phases_do(
    data: st.DataObject, corpora: int, lengths: list[int]
) -> None:
    """What one phase could not give is given in the next; shares glide, begin and end, and corpora come back."""
    weights = st.lists(st.integers(0, 20) | st.just(0), min_size=corpora, max_size=corpora).filter(any)
    phases = [weighed(data.draw(weights), data.draw(weights), length) for length in lengths]
    mix = Mixture(phases)
    names = drawn(mix, sum(lengths))
    for name in mix.names:
        for count in range(1, sum(lengths) + 1):
            due = mix.due(name, count)
            assert floor(due) <= names[:count].count(name) <= ceil(due)


def test_what_a_phase_still_owes_is_given_in_the_next() -> None:
    """Fifty phases of one sequence each: alone, each of them would be the corpus with the larger share."""
    mix = Mixture([weighed([60, 40], [60, 40], 1) for _ in range(50)])
    assert drawn(mix, 50).count("corpus 1") == 20


def test_steady_shares_come_out_exactly() -> None:
    names = drawn(mixture([25, 5, 70], [25, 5, 70], 100), 100)
    assert [names.count(f"corpus {at}") for at in range(3)] == [25, 5, 70]


def test_gliding_shares_come_out_as_their_mean() -> None:
    names = drawn(mixture([80, 20], [20, 80], 100), 100)
    assert [names.count(f"corpus {at}") for at in range(2)] == [50, 50]
    assert names[:50].count("corpus 0") in (32, 33)  # 32.5 are due


def test_a_corpus_without_a_share_is_never_drawn() -> None:
    assert "corpus 1" not in drawn(mixture([2, 0, 1], [1, 0, 2], 60), 60)


@given(
    stretches=st.lists(
        st.tuples(st.integers(1, 4), st.integers(1, 5), st.integers(0, 10), st.integers(0, 10)),
        max_size=4,
        min_size=1,
    )
)
def test_at_every_step_of_a_stage_a_feed_is_within_one_sequence_of_the_plan(
    stretches: list[tuple[int, int, int, int]],
) -> None:
    phases = [
        phase(steps, 4, sequences, a=(f"{first}/10", f"{last}/10"), b=(f"{10 - first}/10", f"{10 - last}/10"))
        for steps, sequences, first, last in stretches
    ]
    feed, mix, step, done = Feed(work(*phases), SETS), Mixture(phases), 0, 0
    for one in phases:
        for _ in range(one.steps):
            feed.batch(step)
            step, done = step + 1, done + one.sequences
            drawn = {name: count // 4 for name, count in feed.drawn().items()}
            assert sum(drawn.values()) == done
            assert all(abs(mix.due(name, done) - drawn[name]) < 1 for name in one.shares)
