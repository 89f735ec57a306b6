"""What is held out of a corpus of one's own: about one in sixteen, and nothing that is learnt says the same."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lehr.runtime.parts.data import split
from lehr.runtime.parts.data.clusters import runs_of_words
from lehr.runtime.parts.data.split import Candidates, held_out


def story(draw: Random, words: int = 60) -> str:
    return " ".join(f"w{int(draw.random() * 5000)}" for _ in range(words))


def split_of(texts: list[str], most: int = 4096, size: int = 1 << 20) -> set[int]:
    candidates = Candidates(most, size)
    for number, text in enumerate(texts):
        candidates.offer(number, text)
    return held_out(candidates.numbers(), lambda: enumerate(texts), len(texts))


def repeats(one: str, other: str) -> bool:
    runs, others = runs_of_words(one), runs_of_words(other)
    return 2 * len(runs & others) >= min(len(runs), len(others))


def leaks(texts: list[str], held: set[int]) -> list[tuple[int, int]]:
    return [
        (out, at)
        for out in held
        for at in range(len(texts))
        if at not in held and repeats(texts[out], texts[at])
    ]


@pytest.mark.parametrize("most", [4096, 40])
def test_one_in_sixteen_is_held_out_where_texts_stand_alone(most: int) -> None:
    draw = Random(1)
    assert len(split_of([story(draw) for _ in range(320)], most)) == 20


@pytest.mark.parametrize("most", [4096, 60])
def test_no_held_out_text_says_nearly_what_a_learnt_one_does(most: int) -> None:
    draw = Random(2)
    stories = [story(draw) for _ in range(150)]
    texts = [
        text
        for text in stories
        for text in (text, *([f"{text} and more {draw.random()}"] if draw.random() < 0.5 else []))
    ]
    draw.shuffle(texts)
    held = split_of(texts, most)
    assert 8 <= len(held) <= len(texts) // 16 + 1
    assert leaks(texts, held) == []


@given(order=st.permutations(range(40)), most=st.integers(4, 50), size=st.integers(2000, 20_000))
def test_the_order_of_the_files_decides_nothing(order: list[int], most: int, size: int) -> None:
    draw = Random(3)
    texts = [story(draw, 20 + int(60 * draw.random())) for _ in range(40)]
    shuffled = [texts[at] for at in order]
    held = {texts[at] for at in split_of(texts, most, size)}
    assert {shuffled[at] for at in split_of(shuffled, most, size)} == held


def test_copies_are_never_on_both_sides() -> None:
    draw = Random(4)
    stories = [story(draw) for _ in range(60)]
    texts = [text for text in stories for _ in range(3)]
    held = split_of(texts, most=50)
    assert {texts[at] for at in held}.isdisjoint(texts[at] for at in range(len(texts)) if at not in held)


def test_something_is_left_to_learn_from() -> None:
    assert split_of(["one text"]) == set()
    assert len(split_of(["one text", "another"])) == 1
    assert split_of(["the same text"] * 50) == set()


def test_candidates_keep_to_their_room() -> None:
    draw = Random(5)
    candidates = Candidates(most=10, size=5000)
    texts = [story(draw, 10 + int(300 * draw.random())) for _ in range(200)]
    for number, text in enumerate(texts):
        candidates.offer(number, text)
    kept = candidates.numbers()
    assert 1 <= len(kept) <= 10
    assert sum(len(texts[number]) for number in kept) <= 5000


def test_one_huge_text_does_not_take_the_room_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(split, "_LONGEST", 2000)
    draw = Random(6)
    texts = [story(draw, 2000), *(story(draw) for _ in range(40))]
    assert len(split_of(texts, size=5000)) == 3
