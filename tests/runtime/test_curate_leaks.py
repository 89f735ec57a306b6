"""`decontaminate`: every planted question is found, and nothing else is taken for one."""

import json
import random
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from curation import corpus, kept, made
from rooms import desk

from lehr.compiler.plan.model import File
from lehr.runtime.parts.curate import leaks, shards
from lehr.runtime.parts.curate.leaks import subsequence
from lehr.runtime.parts.data.documents import Question
from lehr.runtime.parts.data.tables import write_questions

RNG = random.Random(1)


def some(count: int, rng: random.Random = RNG) -> list[str]:
    return [f"w{rng.randrange(50_000)}" for _ in range(count)]


def asked(grams: Any = 13, common: int | None = None, lcs: str | None = None) -> tuple[str, dict[str, Any]]:
    return "decontaminate", {"against": ["asks"], "grams": grams, "common": common, "lcs": lcs}


def bench(folder: Path, questions: list[str]) -> dict[str, File]:
    """A file of these questions, as the plan names it."""
    lines = (json.dumps({"prompt": one, "answer": "yes"}) for one in questions)
    (folder / "asks.jsonl").write_text("\n".join(lines))
    return {"asks": File(path="asks.jsonl", digest="")}


def dropped(folder: Path) -> dict[str, tuple[str, str]]:
    return {
        row["id"]: (row["reason"], row["value"])
        for row in pq.read_table(folder / "dropped.parquet").to_pylist()
    }


# ---- runs of words -----------------------------------------------------------------------------


def test_every_planted_run_is_found_and_no_other(tmp_path: Path):
    """Of 13 words wherever it stands, in other letters and signs; 12 words are let pass."""
    rng = random.Random(2)
    questions = [some(30, rng) for _ in range(40)]
    texts, planted = list[str](), set[str]()
    for at in range(120):
        text, question = some(60, rng), questions[rng.randrange(40)]
        length, begin, place = (13, 12, 0)[at % 3], rng.randrange(17), rng.randrange(60)
        text[place:place] = [word.upper() + ",;" for word in question[begin : begin + length]]
        texts.append(" ".join(text))
        planted |= {f"a:{at}"} if length == 13 else set()
    room = desk(tmp_path / "room", root=tmp_path, workers=1)
    made(
        room,
        corpus(tmp_path / "raw", texts, heldout=0),
        asked(),
        benches=bench(tmp_path, [" ".join(one) for one in questions]),
    )
    found = dropped(room.folder)
    assert found.keys() == planted
    assert {reason for reason, _ in found.values()} == {"asked by asks"}
    assert all(len(value.split()) == 13 for _, value in found.values())


def test_common_usage_is_let_pass_and_its_rare_continuation_is_not(tmp_path: Path):
    """AFM: any run of 4 to 13 words, unless the corpus has that run so often."""
    question = "which of the following is the capital of the oldest republic"
    texts = [f"which of the following {word} {word}x {word}y" for word in some(20)]
    texts += ["which of the following is the odd one", "nothing of the sort", "the capital of the land"]
    room = desk(tmp_path / "room", root=tmp_path, workers=1)
    made(
        room,
        corpus(tmp_path / "raw", texts, heldout=0),
        asked([4, 13], common=21),
        benches=bench(tmp_path, [question]),
    )
    assert {name: value for name, (_, value) in dropped(room.folder).items()} == {
        "a:20": "of the following is", "a:22": "the capital of the",
    }  # fmt: skip
    room = desk(tmp_path / "every", root=tmp_path, workers=1)
    made(
        room, corpus(tmp_path / "same", texts, heldout=0), asked([4, 13]), benches=bench(tmp_path, [question])
    )
    assert kept(room) == ["a:21"]


def test_runs_are_counted_over_all_shards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(shards, "SHARD", 1)
    monkeypatch.setattr("lehr.runtime.parts.data.tables._ROWS", 4)
    raw = corpus(tmp_path / "raw", ["clean", *(f"one two three four {word}" for word in some(8))], heldout=0)
    asks = bench(tmp_path, ["zero one two three four five"])
    for common in (8, 9):
        room = desk(tmp_path / f"room{common}", root=tmp_path, workers=1)
        made(room, raw, asked([4, 13], common=common), benches=asks)
        assert len(kept(room)) == (9 if common == 8 else 1)


# ---- subsequences ------------------------------------------------------------------------------


def plain(one: list[int], other: list[int]) -> int:
    """The textbook's table."""
    row = [0] * (len(other) + 1)
    for word in one:
        before = row[:]
        for at, against in enumerate(other):
            row[at + 1] = before[at] + 1 if word == against else max(row[at], before[at + 1])
    return row[-1]


def test_a_subsequence_is_as_long_as_the_textbook_says():
    rng = random.Random(4)
    for _ in range(200):
        one, other = ([rng.randrange(6) for _ in range(rng.randrange(90))] for _ in range(2))
        assert subsequence(one, other) == plain(one, other)


def test_every_planted_sequence_is_found_and_no_other(tmp_path: Path):
    """Qwen 2: 13 words in order and 60 % of the question, with other words between; less is let pass."""
    rng = random.Random(5)
    questions = [some(rng.choice([20, 24, 40]), rng) for _ in range(30)]
    texts, planted = list[str](), set[str]()
    for at in range(150):
        question = questions[at % 30]
        count = max(13, -(-6 * len(question) // 10)) - at % 2
        begun = question[:5] + sorted(rng.sample(range(5, len(question)), count - 5))
        said = [one if isinstance(one, str) else question[one] for one in begun]
        for place in sorted(rng.sample(range(6, count), 5), reverse=True):
            said[place:place] = some(1, rng)
        texts.append(" ".join(some(40, rng) + said + some(40, rng)))
        planted |= set() if at % 2 else {f"a:{at}"}
    room = desk(tmp_path / "room", root=tmp_path, workers=1)
    made(
        room,
        corpus(tmp_path / "raw", texts, heldout=0),
        asked(lcs="3/5"),
        benches=bench(tmp_path, [" ".join(one) for one in questions]),
    )
    assert dropped(room.folder).keys() == planted


def test_a_long_run_of_a_longer_question_is_no_leak_by_its_sequence(tmp_path: Path):
    question = some(100)
    texts = [" ".join(some(20) + question[10:40] + some(20)), "another text"]
    room = desk(tmp_path / "room", root=tmp_path, workers=1)
    made(
        room,
        corpus(tmp_path / "raw", texts, heldout=0),
        asked(lcs="3/5"),
        benches=bench(tmp_path, [" ".join(question)]),
    )
    assert len(kept(room)) == 2


def test_a_long_document_does_not_follow_a_question_by_chance(tmp_path: Path):
    """Over a whole book nearly every question is a subsequence; only the stretch around what is shared counts."""
    few = [f"w{at}" for at in range(30)]
    rng = random.Random(6)
    question = [rng.choice(few) for _ in range(25)]
    book = [rng.choice(few) for _ in range(3000)]
    book[1000:1000] = [*question[:5], *some(60)]
    assert subsequence([hash(one) for one in question], [hash(one) for one in book]) >= 15
    leaks.index_sequences([("asks", " ".join(question))], 13, tmp_path)
    found = leaks.Sequences(tmp_path, 13, 0.6).leak(" ".join(book[995:1065]))
    assert found is None


# ---- where questions are ------------------------------------------------------------------------


def test_questions_of_a_corpus_and_what_is_held_out_of_another(tmp_path: Path):
    one, other = some(20), some(20)
    skills = corpus(tmp_path / "skills", ["held out " + " ".join(some(20))] * 5)
    write_questions(skills / "questions.parquet", [Question(" ".join(one), "yes")])
    web = corpus(tmp_path / "web", ["learnt"] * 4 + [" ".join(other)])
    texts = [" ".join(some(9) + one), " ".join(other + some(9)), "clean", "clean as well", " ".join(one)]
    room = desk(tmp_path / "room", root=tmp_path, workers=1)
    made(
        room,
        corpus(tmp_path / "raw", texts),
        asked(),
        decontaminate__answers=skills,
        decontaminate__reads=web,
    )
    found = {name: reason for name, (reason, _) in dropped(room.folder).items()}
    assert found == {"a:0": "asked by answers", "a:1": "asked by reads"}
    assert kept(room) == ["a:2", "a:3", "a:4"]  # the last is held out itself


def test_choices_and_messages_are_asked_too(tmp_path: Path):
    said = [some(14) for _ in range(3)]
    row = {
        "question": "?",
        "choices": [" ".join(said[0]), "b"],
        "answer": 0,
        "messages": [{"content": " ".join(said[1])}],
    }
    (tmp_path / "asks.jsonl").write_text(json.dumps(row))
    texts = [" ".join(one) for one in said]
    room = desk(tmp_path / "room", root=tmp_path, workers=1)
    made(
        room,
        corpus(tmp_path / "raw", texts, heldout=0),
        asked(),
        benches={"asks": File(path="asks.jsonl", digest="")},
    )
    assert kept(room) == ["a:2"]
