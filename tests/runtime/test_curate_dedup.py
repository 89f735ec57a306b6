"""`dedup`: what was there before goes, whatever the shards, and nothing else."""

import random
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from curation import corpus, kept, made
from rooms import desk

from lehr.runtime.parts.curate import copies, lines, minhash, shards, sorted_runs
from lehr.runtime.parts.curate.words import numbered, numbered_each, words

MINHASH = {"kind": "minhash", "shingle": 5, "bands": 14, "rows": 8}


def dedup(by: str | dict[str, Any]) -> tuple[str, dict[str, Any]]:
    return "dedup", {"by": by}


def prose(rng: random.Random, count: int = 80) -> list[str]:
    return [f"w{rng.randrange(4000)}" for _ in range(count)]


def dropped(folder: Path) -> dict[str, tuple[str, str]]:
    return {
        row["id"]: (row["reason"], row["value"])
        for row in pq.read_table(folder / "dropped.parquet").to_pylist()
    }


# ---- copies ----------------------------------------------------------------------------------


def test_of_documents_that_say_the_same_the_first_stays(tmp_path: Path):
    texts = ["one  text", "another", "one\ttext\n", "caf\u00e9", "cafe\u0301", "One text"]
    raw, room = corpus(tmp_path / "raw", texts, heldout=0), desk(tmp_path / "room")
    made(room, raw, dedup({"kind": "exact"}))
    assert kept(room) == ["a:0", "a:1", "a:3", "a:5"]
    assert dropped(room.folder) == {"a:2": ("copy", "a:0"), "a:4": ("copy", "a:3")}


def test_of_the_pages_of_an_address_the_newest_stays(tmp_path: Path):
    pages = [
        {"url": "http://www.example.org/a#top", "date": "2024-01-01"},
        {"url": "https://example.org/a", "date": "2026-01-01T00:00:00Z"},
        {"url": "https://EXAMPLE.org:443/a"},
        {"url": "https://example.org/A"},
        {},
        {},
    ]
    raw = corpus(tmp_path / "raw", [f"page {at}" for at in range(6)], heldout=0, metas=pages)
    room = desk(tmp_path / "room")
    made(room, raw, dedup("url"))
    assert kept(room) == ["a:1", "a:3", "a:4", "a:5"]
    assert dropped(room.folder) == {"a:0": ("same address", "a:1"), "a:2": ("same address", "a:1")}


@pytest.mark.parametrize("url", ["http://[", "http://host:port/", "", "nothing", "\ud800"])
def test_an_address_that_is_none_is_taken_as_it_is(url: str):
    assert copies.of_address(url) == copies.of_address(url)


# ---- near copies -----------------------------------------------------------------------------


def near(rng: random.Random, count: int) -> tuple[list[str], set[int]]:
    """Texts of which some are an earlier one with a word or two changed; and which."""
    texts, planted = [" ".join(prose(rng)) for _ in range(count)], set[int]()
    for at in range(0, count // 2, 10):
        changed = texts[at].split()
        changed[rng.randrange(80)] = "other"
        texts[count - 1 - at] = " ".join(changed)
        planted.add(count - 1 - at)
    return texts, planted


def test_near_copies_go_and_say_how_near_they_are(tmp_path: Path):
    texts, planted = near(random.Random(1), 200)
    raw, room = corpus(tmp_path / "raw", texts, heldout=0), desk(tmp_path / "room")
    made(room, raw, dedup(MINHASH))
    found = dropped(room.folder)
    assert found.keys() == {f"a:{at}" for at in planted}
    for name, (reason, value) in found.items():
        agreement, first = value.split(" ")
        assert (reason, first) == ("near copy", f"a:{199 - int(name[2:])}")
        assert 0.8 < float(agreement) < 1


def test_what_shares_a_band_and_little_else_stays(tmp_path: Path):
    """One band of one row joins nearly everything; what is compared in truth decides."""
    rng = random.Random(2)
    start = prose(rng, 40)
    raw = corpus(tmp_path / "raw", [" ".join(start + prose(rng, 40)) for _ in range(20)], heldout=0)
    room = desk(tmp_path / "room")
    made(room, raw, dedup(MINHASH | {"bands": 60, "rows": 1, "shingle": 3}))
    assert minhash.Minhash(3, 60, 1).threshold < 0.02
    assert len(kept(room)) < 20  # the threshold of these bands is next to nothing
    room = desk(tmp_path / "other")
    made(room, raw, dedup(MINHASH | {"bands": 200, "rows": 2}))
    assert len(kept(room)) == 1  # (1 / 200) ^ (1 / 2) = 0.07, and they share a third
    room = desk(tmp_path / "third")
    made(room, raw, dedup(MINHASH))
    assert len(kept(room)) == 20


def test_a_signature_estimates_the_agreement():
    """Without bias, and with the deviation that so many hashes have."""
    rng, hashes, errors = random.Random(3), 512, list[float]()
    for _ in range(60):
        one, other = prose(rng, 120), prose(rng, 120)
        shared = rng.randrange(20, 110)
        found = [minhash.shingles(" ".join(text), 5) for text in (one, one[:shared] + other[shared:])]
        true = minhash.jaccard(*found)
        starts = np.array([0, len(found[0]), len(found[0]) + len(found[1])])
        signed = minhash.signatures(np.concatenate(found), starts, hashes)
        errors.append((float((signed[0] == signed[1]).mean()) - true) / (true * (1 - true) / hashes) ** 0.5)
    assert abs(np.mean(errors)) < 4 / 60**0.5
    assert 0.7 < np.std(errors) < 1.3


def test_texts_without_words_are_near_to_nothing(tmp_path: Path):
    raw, room = corpus(tmp_path / "raw", ["!", "?", "a word", "..."], heldout=0), desk(tmp_path / "room")
    made(room, raw, dedup(MINHASH))
    assert len(kept(room)) == 4


# ---- lines -----------------------------------------------------------------------------------


def test_lines_that_come_too_often_go_every_time(tmp_path: Path):
    texts = [f"Share this page!\nthe text {'abcdefghij'[at]} of ten" for at in range(10)] + [
        "share this page"
    ]
    raw, room = corpus(tmp_path / "raw", texts, heldout=0), desk(tmp_path / "room")
    facts = made(room, raw, dedup({"kind": "lines", "more_than": 6, "per": 1000}))
    assert facts["funnel"][0]["dropped"] == {"only repeated lines": 1}
    assert facts["funnel"][0]["parts"] == {"repeated lines": 10}
    assert kept(room, text=True) == [f"the text {'abcdefghij'[at]} of ten" for at in range(10)]


def test_each_bucket_is_counted_by_itself(tmp_path: Path):
    texts = [f"again and again\nnumber {'abcdefghijklmnop'[at]}" for at in range(16)]
    raw, room = corpus(tmp_path / "raw", texts, heldout=0), desk(tmp_path / "room")
    made(room, raw, dedup({"kind": "lines", "more_than": 6, "per": 10}))
    assert [text.count("again") for text in kept(room, text=True)] == [0] * 10 + [2] * 6


def test_a_line_is_known_by_its_letters():
    assert lines.key("  Page 12 of 30, ") == lines.key("page 99 of 11") != lines.key("page of")
    assert lines.key(" -- ") == lines.key("") == 0


# ---- all of them -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "by", ["url", {"kind": "exact"}, MINHASH, {"kind": "lines", "more_than": 2, "per": 7}]
)
def test_what_stays_depends_on_neither_shards_nor_workers(
    by: str | dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    texts, _ = near(random.Random(5), 60)
    texts = [f"{'x y z' if at % 3 else 'often'}\n{text}" for at, text in enumerate(texts)]
    texts += texts[:5]
    metas = [{"url": f"https://example.org/{at % 50}"} for at in range(len(texts))]
    one = corpus(tmp_path / "one", texts, metas=metas)
    alone = desk(tmp_path / "alone", workers=1)
    facts = made(alone, one, dedup(by))
    monkeypatch.setattr(shards, "SHARD", 1)
    monkeypatch.setattr("lehr.runtime.parts.data.tables._ROWS", 8)
    other = corpus(tmp_path / "other", texts, metas=metas)
    assert len(shards.slices(other)) > 8
    whole = desk(tmp_path / "whole", workers=2 if by == MINHASH else 1)
    assert made(whole, other, dedup(by)) == facts
    assert kept(whole, text=True) == kept(alone, text=True)
    assert dropped(whole.folder) == dropped(alone.folder)
    assert dropped(alone.folder)


def test_runs_are_read_in_pieces_that_never_part_a_key(tmp_path: Path):
    rng, kind = np.random.default_rng(1), np.dtype([("key", np.uint64), ("value", np.uint32)])
    every = []
    for run in range(3):
        rows = np.zeros(500, kind)
        rows["key"] = rng.integers(0, 200, 500, dtype=np.uint64) << np.uint64(56)
        rows["value"] = rng.integers(0, 9, 500)
        sorted_runs.write(tmp_path / f"{run}.npy", rows)
        every.append(rows)
    found = list(sorted_runs.pieces([tmp_path / f"{run}.npy" for run in range(3)], rows=100))
    assert len(found) > 5
    assert all(one["key"][-1] < other["key"][0] for one, other in pairwise(found))
    assert np.array_equal(np.concatenate(found), np.sort(np.concatenate(every)))


def test_words_are_the_same_of_plain_and_of_other_texts():
    assert words("It's 12,5% (b_c)\x00!") == [b"it", b"s", b"12", b"5", b"b_c"]
    assert words("It's caf\u00e9 12,5%") == [b"it", b"s", "caf\u00e9".encode(), b"12", b"5"]
    assert words("\u6771\u4eac abc\u30bfd") == [
        "\u6771".encode(),
        "\u4eac".encode(),
        b"abc",
        "\u30bf".encode(),
        b"d",
    ]


def test_shingles_of_many_texts_are_those_of_each():
    texts = [
        "",
        "one two three four five six",
        "short",
        "caf\u00e9 one two",
        "...",
        "one two three four five",
        "a b",
    ]
    flat, starts = minhash.shingles_each(texts, 5)
    assert np.diff(starts).tolist() == [0, 2, 1, 1, 0, 1, 1]
    for at, text in enumerate(texts):
        assert sorted(flat[starts[at] : starts[at + 1]]) == minhash.shingles(text, 5).tolist()
    assert flat[starts[1]] == flat[starts[5]]


def test_a_word_has_its_number_wherever_it_stands():
    texts = ["one two", "two", "x " * 9000 + "two", "\u6771 two"]
    flat, starts = numbered_each(texts)
    assert {int(flat[starts[at + 1] - 1]) for at in range(4)} == {int(numbered("two")[0])}
    assert len(set(flat.tolist())) == 4
    assert [int(end - start) for start, end in pairwise(starts)] == [len(words(text)) for text in texts]
