"""The order of a corpus: every document once an epoch, and any stretch of it at once."""

from itertools import pairwise

import torch
from hypothesis import given
from hypothesis import strategies as st

from lehr.runtime.parts.data.order import Stream, permutation
from lehr.runtime.parts.data.tokens import Documents, collect


def documents(*lengths: int) -> Documents:
    """Documents whose tokens all differ: 0, 1, 2, … in the order in which they are stored."""
    starts = [sum(lengths[:at]) for at in range(len(lengths) + 1)]
    return collect([list(range(start, end)) for start, end in pairwise(starts)], 1000)


@given(count=st.integers(0, 400), key=st.integers(0, 2**63 - 1))
def test_a_permutation_is_a_bijection_for_any_count(count: int, key: int) -> None:
    assert sorted(permutation(count, key).tolist()) == list(range(count))


def test_the_key_alone_decides_the_order() -> None:
    assert permutation(12, 1).tolist() == [2, 3, 11, 8, 10, 6, 1, 7, 5, 0, 4, 9]
    assert permutation(12, 1).tolist() != permutation(12, 2).tolist()


def test_every_epoch_holds_every_document_whole_in_another_order() -> None:
    stream = Stream(documents(3, 1, 4, 1, 5, 9, 2, 6), rng=0)
    epochs = [stream.read(31 * epoch, 31)[0].tolist() for epoch in range(3)]
    assert [sorted(ids) for ids in epochs] == [list(range(31))] * 3
    assert len({tuple(ids) for ids in epochs}) == 3
    breaks = [sum(after != before + 1 for before, after in pairwise(ids)) for ids in epochs]
    assert all(count <= 7 for count in breaks)


@given(
    lengths=st.lists(st.integers(0, 7), min_size=1, max_size=9).filter(any),
    pieces=st.lists(st.integers(1, 12), min_size=1, max_size=8),
    position=st.integers(0, 60),
)
def test_a_stretch_read_in_pieces_is_the_stretch(
    lengths: list[int], pieces: list[int], position: int
) -> None:
    stream = Stream(documents(*lengths), rng=3)
    whole_ids, whole_documents = stream.read(position, sum(pieces))
    read, at = [], position
    for size in pieces:
        read.append(Stream(documents(*lengths), rng=3).read(at, size))
        at += size
    assert torch.cat([ids for ids, _ in read]).tolist() == whole_ids.tolist()
    assert torch.cat([numbers for _, numbers in read]).tolist() == whole_documents.tolist()


def test_a_document_gets_another_number_each_time_it_is_read() -> None:
    ids, numbers = Stream(documents(2), rng=0).read(0, 6)
    assert ids.tolist() == [0, 1, 0, 1, 0, 1]
    assert numbers.tolist() == [0, 0, 1, 1, 2, 2]


def test_ids_above_32767_come_back_as_they_were() -> None:
    wide = collect([[40000, 65535, 1]], 1 << 16)
    assert wide.shards[0].dtype == torch.uint16
    assert Stream(wide, rng=0).read(0, 3)[0].tolist() == [40000, 65535, 1]


def test_a_vocabulary_beyond_two_bytes_takes_four() -> None:
    wide = collect([[70000, 5]], 1 << 17)
    assert wide.shards[0].dtype == torch.uint32
    assert Stream(wide, rng=0).read(0, 2)[0].tolist() == [70000, 5]
