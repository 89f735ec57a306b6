"""Benches: what they measure, held against slow and obvious computations of the same."""

import gzip
import json
from dataclasses import dataclass, field
from math import log
from pathlib import Path
from typing import Any

import pytest
import torch
from examinees import ARCH, QUESTIONS, by_hand, examinee, jsonl, slowly
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from lehr.compiler.plan.model import (
    Bench,
    Continuations,
    EvalWork,
    ExactMatch,
    File,
    MultipleChoice,
    Needle,
    Origin,
    Perplexity,
    Preference,
    Step,
)
from lehr.runtime.errors import Interrupted, StageError
from lehr.runtime.parts.data.tokens import collect, write
from lehr.runtime.parts.data.vocabulary import Vocabulary
from lehr.runtime.parts.model.decoder import Decoder
from lehr.runtime.parts.model.files import save
from lehr.runtime.parts.model.initial import initialise
from lehr.runtime.parts.suites import exact, needle
from lehr.runtime.parts.suites.likelihood import encode, likelihoods
from lehr.runtime.parts.suites.measure import measure, within
from lehr.runtime.parts.suites.subject import Subject
from lehr.runtime.stages import eval as examine
from lehr.runtime.stages.means import Means


@pytest.fixture
def subject(tmp_path: Path) -> Subject:
    return examinee(tmp_path)


def know_nothing(model: Decoder) -> None:
    with torch.no_grad():
        model.model.embed_tokens.weight.zero_()


# ---- likelihoods -----------------------------------------------------------------------


tokens = st.lists(st.integers(0, ARCH.vocab - 1), min_size=1, max_size=12)


@settings(max_examples=20, deadline=None)
@given(pairs=st.lists(st.tuples(tokens, tokens), min_size=1, max_size=6))
def test_likelihoods_of_a_batch_are_those_of_its_rows(pairs: list[tuple[list[int], list[int]]]) -> None:
    model = Decoder(ARCH)
    initialise(model, 0.5, 1)
    words: Any = None
    subject = Subject(model, words, ARCH.rope, {})
    with torch.no_grad():
        found = likelihoods(subject, pairs, context=64)
    assert [one.total for one in found] == pytest.approx([slowly(subject, *pair) for pair in pairs], rel=1e-5)
    assert [one.tokens for one in found] == [len(tail) for _, tail in pairs]


@torch.no_grad()
def test_what_does_not_fit_loses_its_beginning(subject: Subject) -> None:
    head, tail = list(range(2, 30)), [5, 6, 7]
    (cut,) = likelihoods(subject, [(head, tail)], context=10)
    assert cut.total == pytest.approx(slowly(subject, head[-8:], tail), rel=1e-5)
    (long,) = likelihoods(subject, [(head, list(range(40)))], context=10)
    assert (long.tokens, long.total) == (
        10,
        pytest.approx(slowly(subject, [29], list(range(30, 40))), rel=1e-5),
    )


@torch.no_grad()
def test_greedy_is_what_the_model_would_have_said(subject: Subject) -> None:
    row = torch.tensor([[2, 3, 4]])
    best = int(subject.model(row, torch.zeros_like(row), subject.rope)[0, -1].argmax())
    told = likelihoods(subject, [([2, 3, 4], [best]), ([2, 3, 4], [(best + 1) % ARCH.vocab])], context=9)
    assert [one.is_greedy for one in told] == [True, False]


def test_a_context_and_what_follows_are_encoded_as_one_text(subject: Subject) -> None:
    words = subject.words
    for context, follows in (
        ("the last of a b is", " b"),
        ("the last of ", "a b"),
        ("", "the last"),
        ("a", "b"),
    ):
        head, tail = encode(words, context, follows)
        assert head[0] == words.begin
        assert tail
        assert words.decode([*head[1:], *tail]) == context + follows or not context


@torch.no_grad()
def test_likelihoods_are_those_of_transformers(subject: Subject) -> None:
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=ARCH.vocab,
        hidden_size=ARCH.width,
        intermediate_size=ARCH.ffn,
        num_hidden_layers=ARCH.layers,
        num_attention_heads=ARCH.heads,
        num_key_value_heads=ARCH.kv_heads,
        head_dim=ARCH.head_dim,
        rope_parameters={"rope_type": "default", "rope_theta": ARCH.rope},
        rms_norm_eps=ARCH.norm_eps,
        tie_word_embeddings=True,
    )
    peer = LlamaForCausalLM(config).eval()
    peer.load_state_dict(subject.model.state_dict(), strict=False)
    head, tail = encode(subject.words, "the last of a b is", " b .")
    logits_TV = peer(torch.tensor([[*head, *tail]])).logits[0]
    logs_NV = torch.log_softmax(logits_TV[len(head) - 1 : -1].double(), -1)
    expected = logs_NV.gather(1, torch.tensor(tail)[:, None]).sum().item()
    assert likelihoods(subject, [(head, tail)], context=64)[0].total == pytest.approx(expected, rel=1e-5)


# ---- perplexity ------------------------------------------------------------------------


def test_a_model_that_knows_nothing_is_as_perplexed_as_its_vocabulary_is_large(subject: Subject) -> None:
    know_nothing(subject.model)
    score = measure(subject, Perplexity(corpus="c", context=80, sequences=10), 0)
    assert score["nats"] == pytest.approx(log(ARCH.vocab))
    assert score["value"] == score["perplexity"] == pytest.approx(ARCH.vocab)
    assert score["tokens"] == 80 + 40 + 10
    assert list(score["by_position"]) == ["0-31", "32-63", "64-79"]


def test_losses_are_counted_by_the_position_at_which_they_fall(
    subject: Subject, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only token 1 is ever right; a model that is sure of it from position 32 on shows it there."""
    know_nothing(subject.model)
    with torch.no_grad():
        subject.model.unembedding[1, 0] = 1.0

    def sure_later(self: Decoder, tokens_BT: Tensor, documents_BT: Tensor, rope: float) -> Tensor:
        hidden_BTD = torch.zeros(*tokens_BT.shape, ARCH.width)
        hidden_BTD[:, 32:, 0] = 100.0
        return hidden_BTD

    monkeypatch.setattr(Decoder, "hidden", sure_later)
    score = measure(subject, Perplexity(corpus="c", context=64, sequences=10), 0)
    assert score["by_position"] == {
        "0-31": pytest.approx(log(ARCH.vocab)),
        "32-63": pytest.approx(0.0, abs=1e-6),
    }
    early, late = 32 + 32 + 10, 32 + 8
    assert score["nats"] == pytest.approx(log(ARCH.vocab) * early / (early + late))


def test_a_corpus_without_held_out_text_is_a_letter(subject: Subject) -> None:
    write(subject.inputs["tokens:c"] / "heldout.safetensors", collect([], ARCH.vocab))
    with pytest.raises(StageError, match="no text of `c` is held out") as failed:
        measure(subject, Perplexity(corpus="c", context=64, sequences=10), 0)
    assert failed.value.code == "RUN156"


# ---- exact match -----------------------------------------------------------------------


@dataclass
class Replies:
    """Says the same to whoever asks, and remembers what it was asked."""

    texts: list[str]
    words: Vocabulary
    prompts: list[str] = field(default_factory=list[str])
    how: dict[str, Any] = field(default_factory=dict[str, Any])

    def __call__(self, model: Decoder, prompts: list[list[int]], **how: Any) -> list[list[int]]:
        self.prompts, self.how = [self.words.decode(prompt) for prompt in prompts], how
        return self.words.encode(self.texts[: len(prompts)])


def test_an_answer_counts_when_it_is_right_to_the_letter(
    subject: Subject, monkeypatch: pytest.MonkeyPatch
) -> None:
    replies = Replies([" b", " b", " 9"], subject.words)
    monkeypatch.setattr(exact, "generate", replies)
    score = measure(subject, ExactMatch(corpus="c", questions=5, max_new=4), 0)
    assert replies.prompts == ["the last of a b is", "the first of a b is", "x"]
    assert (replies.how["temperature"], replies.how["max_new"]) == (0.0, 4)
    share = {"value": 2 / 3, "exact": 2 / 3, "right": 2, "asked": 3}
    assert score == {"suite": "exact_match", "corpus": "c", **share}


def test_questions_may_stand_in_a_file(
    subject: Subject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "rows.jsonl.gz"
    rows = [
        {"prompt": "one", "answer": "1"},
        {"question": "two", "answer": "2."},
        {"prompt": "x", "answer": "0"},
    ]
    path.write_bytes(gzip.compress("\n\n".join(map(json.dumps, rows)).encode()))
    replies = Replies([" 1", " 2", " 3"], subject.words)
    monkeypatch.setattr(exact, "generate", replies)
    bench = ExactMatch(corpus="", questions=9, max_new=4, file=File(path=path.name, digest=""))
    assert measure(subject, bench, 0)["exact"] == 2 / 3
    assert replies.prompts == ["one", "two", "x"]


def test_an_answer_ends_at_any_token_with_a_full_stop_or_a_line_end(subject: Subject) -> None:
    words = subject.words
    stops = exact.stops(words)
    merged = words.encode(["the last of a b is b .\n"])[0]
    assert [words.decode([token]) for token in merged if token in stops] == [" .\n"]
    assert words.end in stops
    assert not stops & set(words.encode(["the last of a b is b"])[0])


def test_a_corpus_without_questions_is_a_letter(subject: Subject) -> None:
    (subject.inputs["corpus:c"] / "questions.parquet").unlink()
    with pytest.raises(StageError, match="the corpus `c` has no questions"):
        measure(subject, ExactMatch(corpus="c", questions=5, max_new=4), 0)


# ---- multiple choice -------------------------------------------------------------------


@pytest.mark.parametrize("draw", range(4))
def test_multiple_choice_is_what_a_sum_by_hand_gives(subject: Subject, tmp_path: Path, draw: int) -> None:
    initialise(subject.model, 0.5, draw)
    bench = MultipleChoice(file=jsonl(tmp_path, *QUESTIONS), shots=0, context=64)
    score = measure(subject, bench, 0)
    expected = by_hand(subject, QUESTIONS)
    assert {name: score[name] for name in expected} == expected
    assert (score["value"], score["asked"]) == (score["acc_norm"], 4)


def test_solved_examples_stand_before_every_question_and_are_not_asked(
    subject: Subject, tmp_path: Path
) -> None:
    bench = MultipleChoice(file=jsonl(tmp_path, *QUESTIONS), shots=2, context=128)
    score = measure(subject, bench, 0)
    before = "the last of a b is b\n\nthe first of a b is a\n\n"
    expected = by_hand(subject, QUESTIONS[2:], before)
    assert {name: score[name] for name in expected} == expected
    assert (score["asked"], score["shots"]) == (2, 2)
    with pytest.raises(StageError, match="has 4 questions, and 4 are solved as examples"):
        measure(subject, bench.model_copy(update={"shots": 4}), 0)


def test_length_matters_to_the_plain_score_only(subject: Subject, tmp_path: Path) -> None:
    """Where every token is as likely, the shortest answer wins, and by tokens all tie."""
    know_nothing(subject.model)
    rows = {"question": "x", "choices": ["the last of a b is a", "b"], "answer": 0}
    score = measure(subject, MultipleChoice(file=jsonl(tmp_path, rows), shots=0, context=64), 0)
    assert (score["acc"], score["acc_tokens"]) == (0.0, 1.0)


# ---- preferences -----------------------------------------------------------------------


def test_preferences_are_sums_of_log_probabilities(subject: Subject, tmp_path: Path) -> None:
    rows = [
        {"prompt": "the last of a b is", "chosen": " b .", "rejected": " a"},
        {"prompt": "the first of a b is", "chosen": " a", "rejected": " the number of Faro"},
        {"prompt": "a", "chosen": " b", "rejected": " is is is"},
    ]
    score = measure(subject, Preference(data="", file=jsonl(tmp_path, *rows), context=64), 0)
    pairs = [
        [encode(subject.words, row["prompt"], row[one]) for one in ("chosen", "rejected")] for row in rows
    ]
    sums = [[slowly(subject, *pair) for pair in both] for both in pairs]
    means = [
        [slowly(subject, *pair) / len(pair[1]) for pair in both]
        for both in pairs
    ]  # fmt: skip
    assert score["value"] == score["accuracy"] == sum(a > b for a, b in sums) / 3
    assert score["mean"] == sum(a > b for a, b in means) / 3
    assert score["margin"] == pytest.approx(sum(a - b for a, b in sums) / 3, rel=1e-4)


# ---- needles ---------------------------------------------------------------------------


@pytest.fixture
def reads_well(monkeypatch: pytest.MonkeyPatch, subject: Subject) -> list[list[int]]:
    """A reader who finds every needle; returns the prompts that it was given."""
    seen: list[list[int]] = []

    def reply(model: Decoder, prompts: list[list[int]], **how: Any) -> list[list[int]]:
        seen.extend(prompts)
        texts = [subject.words.decode(prompt) for prompt in prompts]
        return subject.words.encode([" " + text.split(" is ")[1][:4] for text in texts])

    monkeypatch.setattr(needle, "generate", reply)
    return seen


@pytest.mark.parametrize("corpus", ["", "c"])
def test_a_reader_finds_the_needle_at_every_length_and_depth(
    subject: Subject, reads_well: list[list[int]], corpus: str
) -> None:
    bench = Needle(depths=3, lengths=2, corpus=corpus, context=256)
    score = measure(subject, bench, 5)
    perfect = {"0%": 1.0, "50%": 1.0, "100%": 1.0}
    assert score == {
        "suite": "needle",
        "value": 1.0,
        "found": 1.0,
        "asked": 6,
        "by_length": {"256": perfect, "128": perfect},
    }
    room = needle._most_new(subject.words)
    assert [len(prompt) + room for prompt in reads_well] == [256] * 3 + [128] * 3
    places = [subject.words.decode(prompt).index("The number of") for prompt in reads_well]
    assert places[0] < places[1] < places[2]


def test_two_models_read_the_same_texts_and_another_seed_draws_others(
    subject: Subject, reads_well: list[list[int]]
) -> None:
    bench = Needle(depths=2, lengths=1, corpus="", context=200)
    for rng in (1, 1, 2):
        measure(subject, bench, rng)
    first, second, third = reads_well[:2], reads_well[2:4], reads_well[4:]
    assert (first == second, first == third) == (True, False)


def test_a_model_at_random_finds_none_and_lengths_without_room_are_left_out(subject: Subject) -> None:
    score = measure(subject, Needle(depths=2, lengths=9, corpus="", context=128), 0)
    assert score["value"] == 0.0
    assert list(score["by_length"]) == ["128", "64"]
    with pytest.raises(StageError, match="do not fit into 8 tokens"):
        measure(subject, Needle(depths=2, lengths=9, corpus="", context=8), 0)


# ---- files of questions ----------------------------------------------------------------

CHOICE = '{"question": "q", "choices": ["a", "b"], "answer": 0}'


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("{", "the line is not JSON"),
        ("[1]", "the line is not an object"),
        ("[" * 100_000, "the line is not JSON"),
        ('{"choices": ["a", "b"], "answer": 0}', "there is no `question` in it"),
        ('{"question": 3, "choices": ["a", "b"], "answer": 0}', "`question` is not a text"),
        ('{"question": "q", "choices": ["a"], "answer": 0}', "`choices` is not a list of at least two texts"),
        (
            '{"question": "q", "choices": ["a", 2], "answer": 0}',
            "`choices` is not a list of at least two texts",
        ),
        ('{"question": "q", "choices": ["a", "b"], "answer": 2}', "`answer` is neither one of the choices"),
        (
            '{"question": "q", "choices": ["a", "b"], "answer": true}',
            "`answer` is neither one of the choices",
        ),
        ('{"question": "q", "choices": ["a", "b"]}', "`answer` is neither one of the choices"),
    ],
)
def test_a_bad_row_is_a_letter_with_its_line(subject: Subject, tmp_path: Path, line: str, fault: str) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_text(f"{CHOICE}\n\n{line}\n")
    with pytest.raises(StageError) as failed:
        measure(subject, MultipleChoice(file=File(path=path.name, digest=""), shots=0, context=64), 0)
    assert failed.value.code == "RUN151"
    assert failed.value.headline.startswith(f"bad.jsonl:3: {fault}")
    assert failed.value.help[0].startswith("a row looks like this: {")


def test_bytes_that_are_no_text_and_an_empty_file_are_letters(subject: Subject, tmp_path: Path) -> None:
    path = tmp_path / "bad.jsonl"
    bench = Preference(data="", file=File(path=path.name, digest=""), context=64)
    for content, headline in ((b"\xff\n", "1: the line is not UTF-8"), (b"\n", "1: there is no row in it")):
        path.write_bytes(content)
        with pytest.raises(StageError, match=headline):
            measure(subject, bench, 0)


def test_a_missing_file_is_a_letter(subject: Subject, tmp_path: Path) -> None:
    bench = ExactMatch(corpus="", questions=1, max_new=4, file=File(path="none.jsonl", digest=""))
    with pytest.raises(StageError, match=r"none.jsonl cannot be read: no such file") as failed:
        measure(subject, bench, 0)
    assert failed.value.code == "RUN140"


# ---- the stage -------------------------------------------------------------------------


@dataclass
class Desk:
    folder: Path
    root: Path = Path()
    stopping: bool = False
    checkpoints: Any = None
    means: Means = field(default_factory=Means)
    said: list[str] = field(default_factory=list[str])

    def say(self, event: str, **facts: Any) -> None:
        self.said.append(facts["bench"])

    def gate(self, done: int, model: Any, save: Any) -> None: ...


def examined(subject: Subject, folder: Path, work: EvalWork, **desk: Any) -> dict[str, Any]:
    (folder / "model").mkdir(parents=True)
    save(subject.model, folder / "model")
    origin = Origin(path="spec.lehr", line=1, column=1)
    step = Step(address="marks", fingerprint="0" * 64, inputs={}, work=work, origin=origin)
    tokenizer = subject.inputs["corpus:c"].parent / "tokenizer"
    inputs = {**subject.inputs, "model": folder / "model", "tokenizer": tokenizer}
    (folder / "out").mkdir()
    facts = examine.run(step, inputs, Desk(folder / "out", **desk))
    assert json.loads((folder / "out/scores.json").read_text()) == facts
    return facts


BENCHES: dict[str, Bench] = {
    "reads": Perplexity(corpus="c", context=64, sequences=10),
    "answers": ExactMatch(corpus="c", questions=3, max_new=4),
}


def test_an_eval_writes_every_score_and_what_it_read_aloud(subject: Subject, tmp_path: Path) -> None:
    wanted = Continuations(prompts=("the last", "the first of"), max_new=6, temperature=1.0)
    facts = [
        examined(subject, tmp_path / name, EvalWork(benches=BENCHES, continuations=wanted, rng=rng))
        for name, rng in (("a", 1), ("b", 1), ("c", 2))
    ]
    assert list(facts[0]["scores"]) == ["reads", "answers"]
    assert all(isinstance(score["value"], float) for score in facts[0]["scores"].values())
    assert [found["prompt"] for found in facts[0]["continuations"]] == ["the last", "the first of"]
    assert facts[0] == facts[1]
    assert facts[0]["scores"] == facts[2]["scores"]
    assert facts[0]["continuations"] != facts[2]["continuations"]


def test_an_eval_stops_between_two_benches(subject: Subject, tmp_path: Path) -> None:
    work = EvalWork(benches=BENCHES, continuations=None, rng=1)
    with pytest.raises(Interrupted, match="`marks` was stopped"):
        examined(subject, tmp_path / "a", work, stopping=True)


def test_a_model_is_measured_at_what_it_has_seen() -> None:
    assert within(BENCHES["reads"], 32) == Perplexity(corpus="c", context=32, sequences=10)
    assert within(BENCHES["reads"], 4096) == BENCHES["reads"]
    assert within(BENCHES["answers"], 32) == BENCHES["answers"]


def test_measuring_leaves_the_model_and_the_dice_as_they_were(subject: Subject) -> None:
    subject.model.train()
    before = torch.get_rng_state()
    for bench in BENCHES.values():
        measure(subject, bench, 0)
    assert subject.model.training
    assert torch.equal(torch.get_rng_state(), before)
    assert all(parameter.grad is None for parameter in subject.model.parameters())
