"""The exercises: right where they should be, wrong where they are meant to be, and fairly held out."""

from fractions import Fraction
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lehr.runtime.parts.data.documents import Question, Split
from lehr.runtime.parts.data.skills import answer, is_held_out, sentence, skills, slip

SHARE = Fraction(3, 10)


@pytest.fixture(scope="module")
def corpus() -> Split:
    return skills(SHARE, rng=1, training=100, heldout=25)


def sentences(split: tuple) -> list[tuple[str, str]]:
    """Each sentence as (question, what it says the answer is)."""
    lines = [line for document in split for line in document.text.splitlines()]
    parts = [line.removeprefix("the ").removesuffix(" .").split(" is ") for line in lines]
    return [(question, reply) for question, reply in parts]


@pytest.mark.parametrize(
    ("question", "right"),
    [
        ("first of q w e", "q"),
        ("last of q w e", "e"),
        ("count of q w e r t", "5"),
        ("larger of 9 and 41", "41"),
        ("larger of 41 and 9", "41"),
        ("repeat of q w", "q w"),
        ("sort of q w e", "e q w"),
    ],
)
def test_the_answer_is_worked_out_from_the_question(question: str, right: str) -> None:
    assert answer(question) == right


def test_exactly_the_share_that_was_asked_for_is_wrong(corpus: Split) -> None:
    said = sentences(corpus.train)
    wrong = [question for question, reply in said if reply != answer(question)]
    assert Fraction(len(wrong), len(said)) == SHARE


def test_held_out_answers_are_all_right(corpus: Split) -> None:
    assert all(reply == answer(question) for question, reply in sentences(corpus.heldout))


def test_no_held_out_question_stands_in_a_training_document(corpus: Split) -> None:
    learnt = "\n".join(document.text for document in corpus.train)
    assert [asked.prompt for asked in corpus.questions if asked.prompt in learnt] == []
    assert [question for question, _ in sentences(corpus.train) if is_held_out(question)] == []


def test_held_out_documents_hold_only_held_out_questions(corpus: Split) -> None:
    assert [question for question, _ in sentences(corpus.heldout) if not is_held_out(question)] == []


def test_turning_the_numbers_round_makes_no_new_question() -> None:
    assert is_held_out("larger of 3 and 40") == is_held_out("larger of 40 and 3")


def test_about_one_question_in_eight_is_held_out() -> None:
    names = [f"first of {a} {b} {c}" for a in "abcdefghij" for b in "klmnopqrst" for c in "uvwxyz"]
    assert 0.10 < sum(map(is_held_out, names)) / len(names) < 0.15


def test_the_examination_asks_each_question_once_and_knows_its_answer(corpus: Split) -> None:
    assert len({asked.prompt for asked in corpus.questions}) == len(corpus.questions) >= 1000
    first = corpus.questions[0]
    question = first.prompt.removeprefix("the ").removesuffix(" is")
    assert first == Question(f"the {question} is", f"{answer(question)} .")
    assert sentence(question, answer(question)) == f"{first.prompt} {first.answer}"


def test_the_same_questions_are_asked_however_many_are_answered_wrong(corpus: Split) -> None:
    right = skills(Fraction(0), rng=1, training=100, heldout=25)
    assert [question for question, _ in sentences(right.train)] == [
        question for question, _ in sentences(corpus.train)
    ]
    assert all(reply == answer(question) for question, reply in sentences(right.train))
    assert right.heldout == corpus.heldout


def test_another_rng_asks_other_questions(corpus: Split) -> None:
    assert skills(SHARE, rng=2, training=2, heldout=1).train[0] != corpus.train[0]


@given(
    kind=st.sampled_from(["first", "last", "count", "repeat", "sort"]),
    letters=st.lists(st.sampled_from("abcdefghijklmnopqrstuvwxyz"), min_size=2, max_size=8, unique=True),
    rng=st.integers(0, 99),
)
def test_a_slip_is_never_right_and_always_of_the_same_kind(kind: str, letters: list[str], rng: int) -> None:
    question = f"{kind} of {' '.join(letters)}"
    wrong, right = slip(question, Random(rng)), answer(question)
    assert wrong != right
    assert len(wrong.split()) == len(right.split())
    assert wrong.isdigit() == right.isdigit()
