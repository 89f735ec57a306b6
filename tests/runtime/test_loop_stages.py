"""The stages around the loop: a new model, its loss, and what is handed out."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch

from lehr.compiler.graph.counts import params
from lehr.compiler.plan.cost.flops import shape
from lehr.compiler.plan.model import (
    Arch,
    InitWork,
    Origin,
    ReleaseWork,
    Step,
    Work,
)
from lehr.runtime.errors import StageError
from lehr.runtime.parts.data.feed import Batch
from lehr.runtime.parts.data.vocabulary import train
from lehr.runtime.parts.loss.next_token import next_token
from lehr.runtime.parts.model.decoder import Decoder
from lehr.runtime.parts.model.files import load, save
from lehr.runtime.parts.model.initial import initialise
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
    workers: int = 0
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
    """A model whose logits are all zero, and a small tokenizer."""
    for name in ("model", "tokenizer"):
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
    return {
        "model": tmp_path / "model",
        "tokenizer": tmp_path / "tokenizer",
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


def test_the_loss_is_the_sum_over_every_token_that_has_a_successor() -> None:
    model = Decoder(ARCH)
    initialise(model, 0.5, 1)
    tokens = torch.tensor([[3, 4, 5, 6], [7, 8, 9, 10]])
    labels = torch.tensor([[4, -100, 6, 7], [-100, 9, -100, -100]])
    batch = Batch(tokens, labels, torch.tensor([[0, 0, 1, 1], [0, 1, 1, 2]]))
    logp = model(tokens, batch.documents_BT, 100.0).log_softmax(-1)
    expected = -(logp[0, 0, 4] + logp[0, 2, 6] + logp[0, 3, 7] + logp[1, 1, 9])

    class Phase:
        rope = 100.0

    torch.testing.assert_close(next_token(model, batch, Phase()), expected)  # type: ignore[arg-type]


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
