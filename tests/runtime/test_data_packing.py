"""Packing by best fit: whole documents, each once an epoch, in as few rows as best fit decreasing comes to."""

from itertools import combinations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lehr.runtime.parts.data.feed import IGNORED, batch_of
from lehr.runtime.parts.data.packing import NONE, Packed, best_fit
from lehr.runtime.parts.data.tokens import collect

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


@given(lengths=LENGTHS, size=st.integers(4, 25), rng=st.integers(0, 9))
def test_every_epoch_holds_every_document_that_fits_whole(lengths: list[int], size: int, rng: int) -> None:
    documents = corpus(lengths)
    whole = [ids for ids in documents if len(ids) <= size]
    if not whole:
        return
    packed = Packed(collect(documents, 1000), size, rng)
    assert packed.left_out == len(documents) - len(whole)
    for epoch in range(2):
        found: dict[int, list[int]] = {}
        for row in range(packed.rows_per_epoch):
            ids, numbers = packed.read(epoch * packed.rows_per_epoch + row)
            assert len(ids) == size
            for token, number in zip(ids.tolist(), numbers.tolist(), strict=True):
                found.setdefault(number, []).append(token)
        assert set(found.pop(NONE, [0])) == {0}
        assert sorted(found.values()) == whole
        assert all(number // len(whole) == epoch for number in found)


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


def test_a_corpus_in_which_nothing_fits_is_refused() -> None:
    with pytest.raises(ValueError, match="without documents that fit"):
        Packed(collect([[1, 2, 3]], 10), 2, rng=0)
