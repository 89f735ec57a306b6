"""A mix keeps its shares: never off by one sequence, however they glide."""

from fractions import Fraction

from feeds import SETS, phase, work
from hypothesis import given
from hypothesis import strategies as st

from lehr.compiler.plan.model import Share
from lehr.runtime.parts.data.feed import Feed
from lehr.runtime.parts.data.mixing import Mixture

WEIGHTS = st.lists(st.integers(0, 20), min_size=1, max_size=6).filter(any)


def mixture(first: list[int], last: list[int], sequences: int) -> Mixture:
    shares = {
        f"corpus {at}": Share(first=Fraction(one, sum(first)), last=Fraction(other, sum(last)))
        for at, (one, other) in enumerate(zip(first, last, strict=True))
    }
    return Mixture(shares, sequences)


def drawn(mix: Mixture) -> list[str]:
    taken = dict.fromkeys(mix.shares, 0)
    names = []
    for _ in range(mix.sequences):
        names.append(mix.next(taken))
        taken[names[-1]] += 1
    return names


@given(data=st.data(), first=WEIGHTS, sequences=st.integers(1, 40))
def test_no_corpus_is_ever_off_by_a_whole_sequence(
    data: st.DataObject, first: list[int], sequences: int
) -> None:
    last = data.draw(st.lists(st.integers(0, 20), min_size=len(first), max_size=len(first)).filter(any))
    mix = mixture(first, last, sequences)
    names = drawn(mix)
    strays = [
        abs(mix.due(name, count) - names[:count].count(name))
        for name in mix.shares
        for count in range(1, sequences + 1)
    ]
    assert max(strays) < 1


def test_steady_shares_come_out_exactly() -> None:
    names = drawn(mixture([25, 5, 70], [25, 5, 70], 100))
    assert [names.count(f"corpus {at}") for at in range(3)] == [25, 5, 70]


def test_gliding_shares_come_out_as_their_mean() -> None:
    names = drawn(mixture([80, 20], [20, 80], 100))
    assert [names.count(f"corpus {at}") for at in range(2)] == [50, 50]
    assert [names[:50].count(f"corpus {at}") for at in range(2)] == [33, 17]  # 32.5 and 17.5


def test_a_corpus_without_a_share_is_never_drawn() -> None:
    assert "corpus 1" not in drawn(mixture([2, 0, 1], [1, 0, 2], 60))


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
    feed, step = Feed(work(*phases), SETS), 0
    for one in phases:
        planned, begun = Mixture(one.shares, one.steps * one.sequences), feed.drawn()
        for done in range(one.sequences, one.steps * one.sequences + 1, one.sequences):
            feed.batch(step)
            step += 1
            drawn = {name: (count - begun[name]) // one.context for name, count in feed.drawn().items()}
            assert sum(drawn.values()) == done
            assert all(abs(planned.due(name, done) - drawn[name]) < 1 for name in one.shares)
