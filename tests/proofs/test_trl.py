"""Losses, log-probabilities and gradients of pairs beside TRL's, on the same rows in fp32.

Two differences are meant, and `docs/post-training.md` names them: TRL's cross-entropy beside DPO is a mean over the
tokens of a batch, ours a mean over pairs; and TRL's IPO always averages over tokens, as `length = mean` does here.
"""

from pathlib import Path
from typing import Any

import pytest
import torch
from beside_trl import computed, fetched
from preferring import ARCH, data, dpo_work, policy, reward_work, words
from safetensors.torch import load_file, save_file
from torch import Tensor

from lehr.compiler.plan.model import DpoWork, Phase
from lehr.runtime.parts.chat.template import ChatTemplate
from lehr.runtime.parts.data.vocabulary import Vocabulary
from lehr.runtime.parts.huggingface.folder import export
from lehr.runtime.parts.model.decoder import Decoder
from lehr.runtime.parts.model.files import load
from lehr.runtime.parts.preferences.batches import Example, batch
from lehr.runtime.parts.preferences.examples import examples
from lehr.runtime.parts.preferences.policy import HeldToReference, of_reference
from lehr.runtime.parts.reward.model import RewardModel
from lehr.runtime.parts.reward.ranking import Ranking, own

pytestmark = pytest.mark.proof

NAMES = {"dpo": "sigmoid", "ipo": "ipo", "apo_zero": "apo_zero", "apo_down": "apo_down"}
WORKS = {name: dpo_work(loss=name, length="mean" if name == "ipo" else "sum") for name in NAMES}
WORKS["nll"] = dpo_work(nll=0.2)
PHASE = Phase(steps=1, context=64, sequences=12, rope=None, shares={})
Theirs = dict[str, dict[str, Tensor]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A policy, a reference and a judge, for both."""
    folder = tmp_path_factory.mktemp("trl")
    words(folder / "words")
    data(folder / "people")
    for rng, name in enumerate(("model", "reference"), 1):
        policy(folder / "ours" / name, rng)
        (folder / name).mkdir()
        export(load(folder / "ours" / name), [], folder / "words", folder / name)
    (folder / "judge").mkdir()
    export(load(folder / "ours/model"), [], folder / "words", folder / "judge")
    score = torch.randn(1, ARCH.width, generator=torch.Generator().manual_seed(3))
    found = load_file(folder / "judge/model.safetensors")
    save_file(found | {"score.weight": score}, folder / "judge/model.safetensors", metadata={"format": "pt"})
    return folder


def pairs(folder: Path) -> list[Example]:
    template = ChatTemplate.of(None, Vocabulary.open(folder / "words"))
    return examples(folder / "people", template, 64)


@pytest.fixture(scope="module")
def theirs(folder: Path) -> Theirs:
    found = pairs(folder)
    split = [one.learnt.nonzero()[0].item() for example in found for one in example.answers[:1]]
    rows = [
        {
            "prompt_ids": example.answers[0].ids[:at].tolist(),
            "chosen_ids": example.answers[0].ids[at:].tolist(),
            "rejected_ids": example.answers[1].ids[at:].tolist(),
        }
        for example, at in zip(found, split, strict=True)
    ]
    whole = [
        {"chosen_ids": example.answers[0].ids.tolist(), "rejected_ids": example.answers[1].ids.tolist()}
        for example in found
    ]
    models = {"trainer": "dpo", "model": "model", "reference": "reference", "rows": rows}
    cases: list[dict[str, Any]] = [
        {"name": name, "settings": {"beta": 0.1, "loss_type": [kind]}, **models}
        for name, kind in NAMES.items()
    ]
    both = {"beta": 0.1, "loss_type": ["sigmoid", "sft"], "loss_weights": [1.0, 0.2]}
    cases.append({"name": "nll", "settings": both, **models})
    cases.append({"name": "reward", "trainer": "reward", "model": "judge", "settings": {}, "rows": whole})
    margins = [row | {"margin": example.level / 3} for row, example in zip(whole, found, strict=True)]
    cases.append({"name": "margin", "trainer": "reward", "model": "judge", "settings": {}, "rows": margins})
    return computed(folder, fetched(folder / "peer"), cases)


def held(folder: Path, work: DpoWork) -> tuple[Tensor, Decoder]:
    """Our loss, with the model whose gradient it has left."""
    model, reference, found = load(folder / "ours/model"), load(folder / "ours/reference"), pairs(folder)
    said = of_reference(reference, found, work.length, work.compute, range(len(found)))
    total, _ = HeldToReference(work)(model, batch(found, [said], 0), PHASE)
    loss = total / len(found)
    loss.backward()
    return loss.detach(), model


def agree(model: Decoder, wanted: dict[str, Tensor]) -> None:
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        torch.testing.assert_close(parameter.grad, wanted[name], rtol=1e-5, atol=1e-5, msg=name)


@pytest.mark.parametrize("name", NAMES)
def test_a_policys_loss_and_gradient(folder: Path, theirs: Theirs, name: str):
    loss, model = held(folder, WORKS[name])
    assert loss.item() == pytest.approx(theirs[name]["loss"].item(), rel=1e-5)
    agree(model, theirs[name])


def test_log_probabilities(folder: Path, theirs: Theirs):
    found = pairs(folder)
    said = of_reference(load(folder / "ours/model"), found, "sum", "fp32", range(len(found))).mean(0)
    wanted = [theirs["dpo"][f"logps/{one}"].item() for one in ("chosen", "rejected")]
    assert said.tolist() == pytest.approx(wanted, rel=1e-5)


def test_their_cross_entropy_counts_tokens_and_ours_pairs(folder: Path, theirs: Theirs):
    loss, _ = held(folder, WORKS["nll"])
    found, model = pairs(folder), load(folder / "ours/model")
    chosen = of_reference(model, found, "sum", "fp32", range(len(found)))[:, 0]
    sizes = torch.tensor([int(example.answers[0].learnt.sum()) for example in found])
    ours, their = -(chosen / sizes).mean(), -chosen.sum() / sizes.sum()
    assert (loss - 0.2 * ours).item() == pytest.approx((theirs["nll"]["loss"] - 0.2 * their).item(), rel=1e-5)
    assert abs((ours - their).item()) > 1e-3


@pytest.mark.parametrize("name", ["reward", "margin"])
def test_a_judges_loss_and_gradient(folder: Path, theirs: Theirs, name: str):
    model, found = RewardModel.begun(folder / "ours/model", False, 1), pairs(folder)
    with torch.no_grad():
        model.score.weight.copy_(load_file(folder / "judge/model.safetensors")["score.weight"])
    total, _ = Ranking(reward_work(margin=name == "margin"))(model, batch(found, own([], found), 0), PHASE)
    loss = total / len(found)
    loss.backward()
    assert loss.item() == pytest.approx(theirs[name]["loss"].item(), rel=1e-5)
    agree(model, theirs[name])
