"""The tokenizer: any text comes back, the same texts teach the same, and text is never a command."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lehr.runtime.parts.data.documents import Document
from lehr.runtime.parts.data.vocabulary import Vocabulary, sample, train

SPECIALS = ("<|pad|>", "<|begin|>", "<|end|>")
TEXTS = ["the last of q w e is e .\n" * 20, "def add(a, b):\n    return a + b  # 12 and 345\n" * 20]


@pytest.fixture(scope="module")
def vocabulary(tmp_path_factory: pytest.TempPathFactory) -> Vocabulary:
    folder = tmp_path_factory.mktemp("tokenizer")
    train(TEXTS, vocab=290, specials=SPECIALS, split_digits=True).save(str(folder / "tokenizer.json"))
    return Vocabulary.open(folder)


@given(text=st.text(max_size=60))
def test_any_text_comes_back_as_it_was(vocabulary: Vocabulary, text: str) -> None:
    (ids,) = vocabulary.encode([text])
    assert vocabulary.decode(ids) == text


@given(text=st.text(st.sampled_from("<|>endbgi \n"), max_size=40))
def test_no_text_becomes_a_control_token(vocabulary: Vocabulary, text: str) -> None:
    text += "<|end|>" + text + "<|begin|>"
    (ids,) = vocabulary.encode([text])
    assert {0, vocabulary.begin, vocabulary.end}.isdisjoint(ids)
    assert vocabulary.decode(ids) == text


def test_the_specials_come_first(vocabulary: Vocabulary) -> None:
    assert [vocabulary.tokenizer.id_to_token(at) for at in range(3)] == list(SPECIALS)
    assert (vocabulary.begin, vocabulary.end, vocabulary.size) == (1, 2, 290)


def test_the_same_texts_teach_the_same_vocabulary() -> None:
    first, second = (train(TEXTS, vocab=300, specials=SPECIALS, split_digits=True).to_str() for _ in range(2))
    assert first == second


@pytest.mark.parametrize(("split", "longest"), [(True, 1), (False, 3)])
def test_digits_stand_alone_or_in_threes(tmp_path: Path, split: bool, longest: int) -> None:
    tokenizer = train(["1234567 " * 50], vocab=300, specials=SPECIALS, split_digits=split)
    tokens = tokenizer.encode("1234567").tokens
    assert max(map(len, tokens)) == longest


def test_a_vocabulary_without_begin_and_end_is_refused(tmp_path: Path) -> None:
    train(TEXTS, vocab=300, specials=("<|pad|>",), split_digits=True).save(str(tmp_path / "tokenizer.json"))
    with pytest.raises(ValueError, match=r"no entry `<\|begin\|>`"):
        Vocabulary.open(tmp_path)


def test_a_folder_that_names_no_end_is_refused(tmp_path: Path) -> None:
    train(TEXTS, vocab=300, specials=SPECIALS, split_digits=True).save(str(tmp_path / "tokenizer.json"))
    (tmp_path / "tokenizer_config.json").write_text('{"bos_token": "<|begin|>", "eos_token": null}')
    with pytest.raises(ValueError, match="names no token that ends a document"):
        Vocabulary.open(tmp_path)


def test_a_folder_of_hugging_face_names_its_own_tokens(tmp_path: Path) -> None:
    train(TEXTS, vocab=300, specials=SPECIALS, split_digits=True).save(str(tmp_path / "tokenizer.json"))
    (tmp_path / "tokenizer_config.json").write_text('{"eos_token": {"content": "<|pad|>"}}')
    found = Vocabulary.open(tmp_path)
    assert (found.begin, found.end) == (0, 0)


def test_a_sample_has_no_more_bytes_than_asked_for_and_comes_from_all_over() -> None:
    documents = [Document(str(at), "é" * 10) for at in range(100)]
    some = list(sample(documents, 95))
    assert [len(text.encode()) for text in some] == [20, 20, 20, 20, 14]
    assert list(sample(documents, 10_000)) == ["é" * 10] * 100
