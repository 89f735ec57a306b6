"""Packing by best fit: documents whole where they fit, in as few rows as best fit decreasing comes to."""

import json
from itertools import combinations

import pytest
import torch
from feeds import GLIDING, SETS, told
from hypothesis import given
from hypothesis import strategies as st

from lehr.compiler.plan.model import Arch, Phase
from lehr.runtime.parts.data.feed import IGNORED, Batch, Feed, batch_of
from lehr.runtime.parts.data.packing import NONE, Packed, best_fit
from lehr.runtime.parts.data.tokens import collect
from lehr.runtime.parts.loss.next_token import next_token
from lehr.runtime.parts.model.decoder import Decoder
from lehr.runtime.parts.model.initial import initialise

LENGTHS = st.lists(st.integers(1, 20), min_size=1, max_size=40)


def slowly(lengths: list[int], room: int) -> list[int]:
    """How full each row gets when every row is looked at for every document."""
    rows: list[int] = []
    for length in sorted(lengths, reverse=True):
        fitting = [row for row in range(len(rows)) if rows[row] + length <= room]
        if fitting:
            rows[max(fitting, key=lambda row: rows[row])] += length
        else:
            rows.append(length)
    return sorted(rows)


@given(lengths=LENGTHS, more=st.integers(0, 15))
def test_each_document_goes_where_it_fits_best(lengths: list[int], more: int) -> None:
    room = max(lengths) + more
    rows = best_fit(lengths, room)
    assert sorted(document for row in rows for document in row) == list(range(len(lengths)))
    filled = [sum(lengths[document] for document in row) for row in rows]
    assert sorted(filled) == slowly(lengths, room)
    assert all(one + other > room for one, other in combinations(filled, 2))


def corpus(lengths: list[int]) -> list[list[int]]:
    """Every token is another, and none is 0."""
    starts = [1 + sum(lengths[:at]) for at in range(len(lengths))]
    return [list(range(start, start + length)) for start, length in zip(starts, lengths, strict=True)]


@given(lengths=LENGTHS, size=st.integers(2, 25), rng=st.integers(0, 9))
def test_every_epoch_predicts_every_token_once_and_cuts_only_what_is_too_long(
    lengths: list[int], size: int, rng: int
) -> None:
    documents = [ids for ids in corpus(lengths) if len(ids) > 1]
    if not documents:
        return
    packed = Packed(collect(corpus(lengths), 1000), size, rng)
    for epoch in range(2):
        found: dict[int, list[int]] = {}
        drawn = 0
        for row in range(packed.rows_per_epoch):
            position = epoch * packed.rows_per_epoch + row
            ids, numbers = packed.read(position)
            assert len(ids) == size
            drawn += packed.drawn(position)
            for token, number in zip(ids.tolist(), numbers.tolist(), strict=True):
                found.setdefault(number, []).append(token)
        assert set(found.pop(NONE, [0])) == {0}
        predicted = sorted(token for piece in found.values() for token in piece[1:])
        assert predicted == sorted(token for ids in documents for token in ids[1:])
        assert drawn == sum(map(len, documents))
        assert [ids for ids in documents if len(ids) <= size and ids not in found.values()] == []
        assert all(len(piece) > 1 for piece in found.values())


def test_a_row_depends_on_its_position_and_the_seed_alone() -> None:
    documents = collect(corpus([5, 3, 8, 2, 9, 4, 4, 7, 1, 6]), 1000)
    rows = [Packed(documents, 12, rng=3).read(position) for position in (0, 7, 23)]
    packed = Packed(documents, 12, rng=3)
    for position in range(30):
        packed.read(position)
    for (ids, numbers), position in zip(rows, (0, 7, 23), strict=True):
        again = packed.read(position)
        assert torch.equal(ids, again[0])
        assert torch.equal(numbers, again[1])
    other = Packed(documents, 12, rng=4)
    assert any(not torch.equal(packed.read(at)[0], other.read(at)[0]) for at in range(5))


def test_padding_is_neither_seen_nor_learnt() -> None:
    ids, numbers = Packed(collect([[1, 2, 3], [4, 5]], 10), 8, rng=0).read(0)
    batch = batch_of(ids[None], numbers[None])
    assert batch.tokens_BT.tolist() == [[1, 2, 3, 4, 5, 0, 0]]
    assert batch.labels_BT.tolist() == [[2, 3, IGNORED, 5, IGNORED, IGNORED, IGNORED]]
    assert batch.documents_BT.tolist()[0][5:] == [NONE, NONE]


def test_a_corpus_in_which_nothing_follows_is_refused() -> None:
    with pytest.raises(ValueError, match="no token follows another"):
        Packed(collect([[1], [2]], 10), 4, rng=0)


# ---- as a stage reads it ------------------------------------------------------------------------

PACKED = GLIDING.model_copy(update={"packing": "best_fit"})


def test_a_feed_that_packs_was_cut_off_nowhere_and_draws_what_it_says() -> None:
    whole = Feed(PACKED, SETS)
    expected = [told(whole.batch(step)) for step in range(PACKED.steps)]
    assert [len(ids[0]) for ids, _, _ in expected] == [6] * 4 + [10] * 3
    for cut in range(PACKED.steps):
        before, after = Feed(PACKED, SETS), Feed(PACKED, SETS)
        for step in range(cut):
            before.batch(step)
        after.load(json.loads(json.dumps(before.state())))
        assert [told(after.batch(step)) for step in range(cut, PACKED.steps)] == expected[cut:]
        assert after.drawn() == whole.drawn()
    seen = sum(number >= 0 for _, _, documents in expected for row in documents for number in row)
    assert seen <= sum(whole.drawn().values()) < PACKED.tokens


def test_a_worker_packs_the_same_rows() -> None:
    with Feed(PACKED, SETS) as here, Feed(PACKED, SETS, workers=1) as there:
        for step in range(PACKED.steps):
            assert told(here.batch(step)) == told(there.batch(step))
            assert here.state() == there.state()


def test_a_packed_document_gets_the_losses_and_gradients_that_it_gets_alone() -> None:
    """Neither its neighbours in a row nor the empty rest reach it; a rotation further on rounds otherwise."""
    arch = Arch(
        layers=2,
        width=16,
        heads=2,
        kv_heads=1,
        head_dim=8,
        ffn=24,
        vocab=60,
        rope=100.0,
        tied=True,
        norm_eps=1e-5,
    )
    model = Decoder(arch)
    initialise(model, 0.3, 1)
    model = model.double()
    documents = [[5, 9, 2, 40, 7], [1, 2, 3], [50, 51, 52, 53]]
    one = Phase(steps=1, context=15, sequences=1, rope=100.0, shares={})

    def gradient(batches: list[Batch]) -> list[torch.Tensor]:
        model.zero_grad()
        total = sum(next_token(model, batch, one) for batch in batches)
        total.backward()
        return [total.detach(), *(parameter.grad for parameter in model.parameters())]

    ids, numbers = Packed(collect(documents, 60), 16, rng=0).read(0)
    together = gradient([batch_of(ids[None], numbers[None])])
    alone = gradient(
        [batch_of(torch.tensor([ids]), torch.zeros(1, len(ids), dtype=torch.int64)) for ids in documents]
    )
    for packed, single in zip(together, alone, strict=True):
        torch.testing.assert_close(packed, single, rtol=1e-5, atol=1e-6)
