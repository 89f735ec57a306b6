"""The feed: every token predicted once, and the same batches however often it was cut off."""

import json
from collections import Counter

import pytest
from feeds import GLIDING, SETS, phase, told, work

from lehr.runtime.parts.data.feed import IGNORED, Feed
from lehr.runtime.parts.data.heldout import spread, windows
from lehr.runtime.parts.data.order import Stream
from lehr.runtime.parts.data.tokens import collect


def test_each_token_is_predicted_exactly_once_an_epoch_but_for_the_first_of_a_document() -> None:
    feed = Feed(work(phase(5, 3, 2, a=("1", "1"))), SETS)  # 5 × 2 sequences of 3: one epoch of 30 tokens
    labels = Counter(
        label for step in range(5) for label in feed.batch(step).labels_BT.flatten().tolist() if label >= 0
    )
    firsts = SETS["a"].train.starts.tolist()
    assert labels == Counter(token for token in range(30) if token not in firsts)


def test_a_label_is_the_next_token_of_the_same_document() -> None:
    feed = Feed(GLIDING, SETS)
    for step in range(GLIDING.steps):
        tokens, labels, documents = told(feed.batch(step))
        for row in range(len(tokens)):
            for at in range(len(tokens[row]) - 1):
                same = documents[row][at] == documents[row][at + 1]
                assert labels[row][at] == (tokens[row][at + 1] if same else IGNORED)


def test_the_shapes_are_those_of_the_phase() -> None:
    feed = Feed(GLIDING, SETS)
    shapes = [tuple(feed.batch(step).tokens_BT.shape) for step in range(GLIDING.steps)]
    assert shapes == [(3, 6)] * 4 + [(2, 10)] * 3


def test_what_is_drawn_is_what_the_plan_says() -> None:
    feed = Feed(GLIDING, SETS)
    for step in range(GLIDING.steps):
        feed.batch(step)
    assert feed.drawn() == {"a": 6 * 6 + 3 * 10, "b": 6 * 6 + 3 * 10}
    assert sum(feed.drawn().values()) == GLIDING.tokens


@pytest.mark.parametrize("cut", range(GLIDING.steps))
def test_a_feed_that_was_cut_off_goes_on_as_if_nothing_had_happened(cut: int) -> None:
    whole, before, after = (Feed(GLIDING, SETS) for _ in range(3))
    expected = [told(whole.batch(step)) for step in range(GLIDING.steps)]
    for step in range(cut):
        before.batch(step)
    after.load(json.loads(json.dumps(before.state())))
    assert [told(after.batch(step)) for step in range(cut, GLIDING.steps)] == expected[cut:]
    assert after.drawn() == whole.drawn()


def test_loading_a_state_does_not_tie_it_to_the_feed() -> None:
    one, other = Feed(GLIDING, SETS), Feed(GLIDING, SETS)
    one.batch(0)
    state = one.state()
    other.load(state)
    other.batch(1)
    assert state == one.state()


def test_another_rng_is_another_order() -> None:
    assert told(Feed(GLIDING, SETS).batch(0)) != told(Feed(work(*GLIDING.phases, rng=6), SETS).batch(0))


def test_a_step_out_of_turn_is_refused() -> None:
    with pytest.raises(ValueError, match="step 0 comes next, not 1"):
        Feed(GLIDING, SETS).batch(1)


def test_a_corpus_without_tokens_is_refused() -> None:
    with pytest.raises(ValueError, match="without tokens"):
        Stream(collect([], 10), rng=0)


def test_windows_begin_where_documents_begin() -> None:
    documents = collect([[1, 2, 3], [4], [5, 6, 7, 8, 9], [10, 11]], 100)
    (batch,) = windows(documents, context=3, limit=10)
    assert told(batch) == [
        [[5, 6, 7], [1, 2, 0], [10, 0, 0]],
        [[6, 7, 8], [2, 3, IGNORED], [11, IGNORED, IGNORED]],
        [[0, 0, 0], [1, 1, -1], [2, -1, -1]],
    ]


def test_windows_come_from_all_over_the_split() -> None:
    assert spread(10, 4) == [0, 2, 5, 7]
    assert spread(3, 4) == [0, 1, 2]


def test_windows_come_in_batches_of_bounded_size() -> None:
    documents = collect([[1] * 2000] * 20, 100)
    shapes = [tuple(batch.tokens_BT.shape) for batch in windows(documents, context=1024, limit=18)]
    assert shapes == [(16, 1024), (2, 1024)]
