"""The stages around the loop: a new model, its examination, and what is handed out."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from math import log
from pathlib import Path
from typing import Any

import pytest
import torch

from lehr.compiler.graph.counts import params
from lehr.compiler.plan.cost.flops import shape
from lehr.compiler.plan.model import (
    Arch,
    Continuations,
    EvalWork,
    ExactMatch,
    InitWork,
    Origin,
    Perplexity,
    ReleaseWork,
    Step,
    Work,
)
from lehr.runtime.errors import StageError
from lehr.runtime.parts.data.documents import Question
from lehr.runtime.parts.data.feed import Batch
from lehr.runtime.parts.data.tables import write_questions
from lehr.runtime.parts.data.tokens import collect, write
from lehr.runtime.parts.data.vocabulary import Vocabulary, train
from lehr.runtime.parts.loss.next_token import next_token
from lehr.runtime.parts.model.decoder import Decoder
from lehr.runtime.parts.model.files import load, save
from lehr.runtime.parts.model.initial import initialise
from lehr.runtime.stages import eval as examine
from lehr.runtime.stages import init, release

ARCH = Arch(
    layers=1,
    width=8,
    heads=2,
    kv_heads=1,
    head_dim=4,
    ffn=12,
    vocab=300,
    rope=100.0,
    tied=True,
    norm_eps=1e-5,
)
ORIGIN = Origin(path="spec.lehr", line=1, column=1)


@dataclass
class Desk:
    """A room that only holds a folder."""

    folder: Path
    stopping: bool = False
    checkpoints: Any = None

    def say(self, event: str, **facts: Any) -> None:
        pass


def step(work: Work) -> Step:
    return Step.model_validate(
        {"address": "a step", "fingerprint": "0" * 64, "inputs": {}, "work": work, "origin": ORIGIN}
    )


def room(folder: Path) -> Desk:
    folder.mkdir()
    return Desk(folder)


@pytest.fixture
def world(tmp_path: Path) -> dict[str, Path]:
    """A model whose logits are all zero, a small tokenizer, one corpus of three documents, three questions."""
    for name in ("model", "tokenizer", "tokens", "corpus"):
        (tmp_path / name).mkdir()
    model = Decoder(ARCH)
    initialise(model, 0.1, 1)
    with torch.no_grad():
        model.model.embed_tokens.weight.zero_()
    save(model, tmp_path / "model")
    texts = ["the last of a b is b .\nthe first of a b is a .\n"] * 3
    specials = ("<|begin|>", "<|end|>")
    train(texts, vocab=ARCH.vocab, specials=specials, split_digits=True).save(
        str(tmp_path / "tokenizer" / "tokenizer.json")
    )
    for part in ("train", "heldout"):
        documents = collect([[1] * 101, [1] * 41, [1] * 11], ARCH.vocab)
        write(tmp_path / "tokens" / f"{part}.safetensors", documents)
    questions = (
        Question("the last of a b is", "b ."),
        Question("the first of a b is", "a ."),
        Question("x", "9 ."),
    )
    write_questions(tmp_path / "corpus" / "questions.parquet", questions)
    return {
        "model": tmp_path / "model",
        "tokenizer": tmp_path / "tokenizer",
        "tokens:c": tmp_path / "tokens",
        "corpus:c": tmp_path / "corpus",
    }


# ---- init ------------------------------------------------------------------------------


def test_a_new_model_is_a_function_of_its_work(tmp_path: Path) -> None:
    facts = [
        init.run(step(InitWork(arch=ARCH, std=0.1, rng=rng)), {}, room(tmp_path / name))
        for name, rng in (("a", 1), ("b", 1), ("c", 2))
    ]
    assert facts[0] == {"params": params(shape(ARCH))}
    files = [(tmp_path / name / "model.safetensors").read_bytes() for name in "abc"]
    assert (files[0] == files[1], files[0] == files[2]) == (True, False)
    assert sum(parameter.numel() for parameter in load(tmp_path / "a").parameters()) == params(shape(ARCH))


# ---- train: the loss -------------------------------------------------------------------


def test_the_loss_is_the_mean_over_every_token_that_has_a_successor() -> None:
    model = Decoder(ARCH)
    initialise(model, 0.5, 1)
    tokens = torch.tensor([[3, 4, 5, 6], [7, 8, 9, 10]])
    labels = torch.tensor([[4, -100, 6, 7], [-100, 9, -100, -100]])
    batch = Batch(tokens, labels, torch.tensor([[0, 0, 1, 1], [0, 1, 1, 2]]))
    logp = model(tokens, batch.documents_BT, 100.0).log_softmax(-1)
    expected = -(logp[0, 0, 4] + logp[0, 2, 6] + logp[0, 3, 7] + logp[1, 1, 9]) / 4

    class Phase:
        rope = 100.0

    torch.testing.assert_close(next_token(model, batch, Phase()), expected)  # type: ignore[arg-type]


# ---- eval ------------------------------------------------------------------------------


def marks(world: dict[str, Path], folder: Path, work: EvalWork) -> dict[str, Any]:
    facts = examine.run(step(work), world, room(folder))
    assert json.loads((folder / "scores.json").read_text()) == facts
    return facts


def test_a_model_that_knows_nothing_is_as_perplexed_as_its_vocabulary_is_large(
    tmp_path: Path, world: dict[str, Path]
) -> None:
    bench = Perplexity(corpus="c", context=80, sequences=10)
    work = EvalWork(benches={"reads": bench}, continuations=None, rng=0)
    scores = marks(world, tmp_path / "marks", work)["scores"]["reads"]
    assert scores["nats"] == pytest.approx(log(ARCH.vocab))
    assert scores["perplexity"] == pytest.approx(ARCH.vocab)
    assert scores["tokens"] == 80 + 40 + 10
    assert list(scores["by_position"]) == ["0-31", "32-63", "64-79"]


def test_losses_are_counted_by_the_position_at_which_they_fall(
    tmp_path: Path, world: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only token 1 is ever right; a model that is sure of it from position 32 on shows it there."""

    def sure_later(self: Decoder, tokens: torch.Tensor, documents: torch.Tensor, rope: float) -> torch.Tensor:
        logits = torch.zeros(*tokens.shape, ARCH.vocab)
        logits[:, 32:, 1] = 100.0
        return logits

    monkeypatch.setattr(Decoder, "forward", sure_later)
    work = EvalWork(
        benches={"reads": Perplexity(corpus="c", context=64, sequences=10)}, continuations=None, rng=0
    )
    scores = marks(world, tmp_path / "marks", work)["scores"]["reads"]
    assert scores["by_position"] == {
        "0-31": pytest.approx(log(ARCH.vocab)),
        "32-63": pytest.approx(0.0, abs=1e-6),
    }
    early, late = 32 + 32 + 10, 32 + 8
    assert scores["nats"] == pytest.approx(log(ARCH.vocab) * early / (early + late))


def test_an_answer_counts_when_it_is_right_to_the_letter(
    tmp_path: Path, world: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    words = Vocabulary.open(world["tokenizer"])
    asked: list[Mapping[str, Any]] = []

    def reply(model: Decoder, prompts: list[list[int]], **how: Any) -> list[list[int]]:
        asked.append(how)
        assert [words.decode(prompt) for prompt in prompts] == [
            "the last of a b is",
            "the first of a b is",
            "x",
        ]
        return words.encode([" b", " b", " 9"])

    monkeypatch.setattr(examine, "generate", reply)
    work = EvalWork(
        benches={"answers": ExactMatch(corpus="c", questions=5, max_new=4)}, continuations=None, rng=0
    )
    scores = marks(world, tmp_path / "marks", work)["scores"]["answers"]
    assert scores == {"suite": "exact_match", "corpus": "c", "exact": 2 / 3, "asked": 3}
    assert (asked[0]["temperature"], asked[0]["max_new"]) == (0.0, 4)


def test_an_answer_ends_at_any_token_with_a_full_stop_or_a_line_end(
    tmp_path: Path, world: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    words, stops = Vocabulary.open(world["tokenizer"]), list[frozenset[int]]()

    def reply(model: Decoder, prompts: list[list[int]], **how: Any) -> list[list[int]]:
        stops.append(how["stop"])
        return [[] for _ in prompts]

    monkeypatch.setattr(examine, "generate", reply)
    work = EvalWork(
        benches={"answers": ExactMatch(corpus="c", questions=1, max_new=4)}, continuations=None, rng=0
    )
    marks(world, tmp_path / "marks", work)
    merged = words.encode(["the last of a b is b .\n"])[0]
    assert [words.decode([token]) for token in merged if token in stops[0]] == [" .\n"]
    assert words.end in stops[0]
    assert not stops[0] & set(words.encode(["the last of a b is b"])[0])


def test_continuations_are_text_and_repeat_themselves(tmp_path: Path, world: dict[str, Path]) -> None:
    wanted = Continuations(prompts=("the last", "the first of"), max_new=6, temperature=1.0)
    facts = [
        marks(world, tmp_path / name, EvalWork(benches={}, continuations=wanted, rng=rng))["continuations"]
        for name, rng in (("a", 1), ("b", 1), ("c", 2))
    ]
    assert [found["prompt"] for found in facts[0]] == ["the last", "the first of"]
    assert (facts[0] == facts[1], facts[0] == facts[2]) == (True, False)


# ---- release ---------------------------------------------------------------------------


def test_a_release_is_the_model_its_shape_and_its_tokenizer(tmp_path: Path, world: dict[str, Path]) -> None:
    facts = release.run(step(ReleaseWork(format="safetensors")), world, room(tmp_path / "release"))
    names = ["arch.json", "model.safetensors", "tokenizer.json"]
    assert sorted(path.name for path in (tmp_path / "release").iterdir()) == names
    assert sorted(facts["files"]) == names
    for role, name in (("model", names[0]), ("model", names[1]), ("tokenizer", names[2])):
        assert (tmp_path / "release" / name).read_bytes() == (world[role] / name).read_bytes()


def test_a_model_of_another_shape_is_not_released(tmp_path: Path, world: dict[str, Path]) -> None:
    other = ARCH.model_copy(update={"ffn": 16})
    (world["model"] / "arch.json").write_text(other.model_dump_json())
    with pytest.raises(StageError, match="does not hold the tensors"):
        release.run(step(ReleaseWork(format="safetensors")), world, room(tmp_path / "release"))
    assert list((tmp_path / "release").iterdir()) == []
