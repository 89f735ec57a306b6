"""Losses of pairs, of policies and of judges, against their definitions worked out anew in fp64 with every logit."""

import math
from pathlib import Path

import pytest
import torch
from families import FAMILIES
from preferring import PAIRS, dpo_work, inputs, reward_work
from torch import Tensor

from lehr.compiler.plan.model import Phase
from lehr.runtime.parts.chat.template import ChatTemplate
from lehr.runtime.parts.data.feed import IGNORED, Batch
from lehr.runtime.parts.data.vocabulary import Vocabulary
from lehr.runtime.parts.loss.log_probs import answer_log_probs
from lehr.runtime.parts.loss.preference import held_to_reference, ranked
from lehr.runtime.parts.model.decoder import Decoder
from lehr.runtime.parts.model.files import load
from lehr.runtime.parts.model.initial import initialise
from lehr.runtime.parts.preferences.batches import Compared, Example, batch
from lehr.runtime.parts.preferences.examples import examples
from lehr.runtime.parts.preferences.policy import HeldToReference, of_reference
from lehr.runtime.parts.reward.model import GRADED, RewardModel
from lehr.runtime.parts.reward.ranking import Ranking, own

PHASE = Phase(steps=1, context=64, sequences=4, rope=None, shares={})


def log(number: float) -> float:
    return math.log(1 / (1 + math.exp(-number)))


# ---- formulas ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "wanted"),
    [
        ("dpo", -log(0.1 * 5)),
        ("ipo", (5 - 5) ** 2),
        ("apo_zero", 1 / (1 + math.exp(0.2)) + 1 / (1 + math.exp(0.3))),
        ("apo_down", 1 / (1 + math.exp(-0.2)) + 1 / (1 + math.exp(0.5))),
    ],
)
def test_a_pairs_loss(kind: str, wanted: float):
    """Chosen twice e-fold likelier than by the reference, rejected three times less; beta 0.1."""
    found = held_to_reference(kind, 0.1, torch.tensor([2.0]), torch.tensor([-3.0]))  # pyright: ignore[reportArgumentType]
    assert found.item() == pytest.approx(wanted, abs=1e-6)


@pytest.mark.parametrize(("share", "gap", "floor"), [(0.95, 2.944, 0.1985), (0.65, 0.619, 0.6474)])
def test_the_gap_that_a_soft_label_asks_for(share: float, gap: float, floor: float):
    at = torch.tensor(gap, dtype=torch.float64, requires_grad=True)
    loss = ranked(at, agreeing=share)
    (slope,) = torch.autograd.grad(loss, at)
    assert loss.item() == pytest.approx(floor, abs=1e-4)
    assert slope.item() == pytest.approx(0, abs=1e-4)


def test_a_margin_asks_for_so_much_more():
    gap = torch.tensor([0.3, 1.3])
    assert ranked(gap[1:], margin=1.0).item() == pytest.approx(ranked(gap[:1]).item())


# ---- answers -----------------------------------------------------------------------------


@pytest.mark.parametrize("family", ["llama", "gemma2"])
def test_log_probabilities_of_answers(family: str):
    model = Decoder.empty(FAMILIES[family])
    initialise(model, 0.1, 1)
    model.double()
    ids = torch.randint(0, 90, (3, 20), generator=torch.Generator().manual_seed(0))
    labels = torch.full((3, 20), IGNORED)
    labels[:, 5:11] = ids[:, 6:12]
    sums_B, counts_B = answer_log_probs(model, Batch(ids, labels, torch.zeros_like(ids)), None)
    logs_BTV = model(ids, torch.zeros_like(ids), None).log_softmax(-1)
    wanted_B = logs_BTV[:, 5:11].gather(-1, labels[:, 5:11, None]).sum((1, 2))
    torch.testing.assert_close(sums_B, wanted_B)
    assert counts_B.tolist() == [6, 6, 6]


@pytest.fixture
def folders(tmp_path: Path) -> dict[str, Path]:
    return inputs(tmp_path)


def read(folders: dict[str, Path], **settings: object) -> list[Example]:
    template = ChatTemplate.of(None, Vocabulary.open(folders["tokenizer"]), folders["model"])
    return examples(folders["data:people"], template, 64, **settings)  # pyright: ignore[reportArgumentType]


def alone(model: Decoder, example: Example, number: int) -> Tensor:
    """log p of every token of an answer but the first, [its compared ones]."""
    answer = example.answers[number]
    ids = answer.ids[None]
    logs = model(ids, torch.zeros_like(ids), None)[0, :-1].log_softmax(-1)
    return logs.gather(-1, ids[0, 1:, None])[:, 0][answer.compared[1:]]


@pytest.mark.parametrize("length", ["sum", "mean"])
@pytest.mark.parametrize("loss", ["dpo", "ipo", "apo_zero", "apo_down"])
def test_the_loss_of_a_batch_and_its_gradient(folders: dict[str, Path], loss: str, length: str):
    """One row of all tokens is every answer by itself; the reference stands 0.1 nats away.

    Positions are turned by cosines in fp32, so those of another place are others in the eighth digit.
    """
    work = dpo_work(loss=loss, length=length, nll=0.2, mask=("headers", "terminators"))
    model, pairs = load(folders["model"]).double(), read(folders, mask=work.mask)[:4]
    reference_N2 = of_reference(model, pairs, length, "fp32", range(4)).double() - 0.1
    total, _ = HeldToReference(work)(model, batch(pairs, [reference_N2], 0), PHASE)
    total.backward()
    got = {name: parameter.grad for name, parameter in model.named_parameters()}
    model.zero_grad()
    wanted = torch.zeros((), dtype=torch.float64)
    for pair, reference in zip(pairs, reference_N2, strict=True):
        logs = [alone(model, pair, number) for number in range(2)]
        h = [
            (one.mean() if length == "mean" else one.sum()) - there
            for one, there in zip(logs, reference, strict=True)
        ]
        wanted = wanted + held_to_reference(loss, 0.1, h[0][None], h[1][None]).sum()  # pyright: ignore[reportArgumentType]
        whole = Example(pair.id, tuple(type(one)(one.ids, one.learnt, one.learnt) for one in pair.answers))
        wanted = wanted - 0.2 * alone(model, whole, 0).mean()
    torch.testing.assert_close(total, wanted)
    wanted.backward()
    for name, parameter in model.named_parameters():
        torch.testing.assert_close(got[name], parameter.grad, rtol=1e-5, atol=1e-5)


def test_a_policy_that_is_its_reference_loses_log_2(folders: dict[str, Path]):
    model, pairs = load(folders["model"]), read(folders)
    reference_N2 = of_reference(model, pairs, "sum", "fp32", range(len(pairs)))
    total, told = HeldToReference(dpo_work())(model, batch(pairs, [reference_N2], 0), PHASE)
    assert total.item() / len(pairs) == pytest.approx(math.log(2), abs=1e-6)
    assert abs(told["chosen"].item()) < 1e-3


def test_a_part_of_a_batch_is_a_part_of_its_loss(folders: dict[str, Path]):
    model, pairs = load(folders["model"]), read(folders)
    reference_N2 = torch.randn(len(pairs), 2, generator=torch.Generator().manual_seed(1))
    whole, work = batch(pairs, [reference_N2], 0), HeldToReference(dpo_work(nll=0.3))
    parts = sum(work(model, part, PHASE)[0] for part in whole.split(5))
    torch.testing.assert_close(parts, work(model, whole, PHASE)[0])
    assert int(whole.terms) == len(pairs)


# ---- judges ------------------------------------------------------------------------------


def judge(folders: dict[str, Path], graded: bool = False) -> RewardModel:
    model = RewardModel.begun(folders["model"], graded, 1).double()
    draw = torch.Generator().manual_seed(4)
    for name, parameter in model.named_parameters():
        if name.startswith(("score", "grades")):
            torch.nn.init.normal_(parameter, 0.0, 0.3, generator=draw)
    return model


def rows(pairs: list[Example]) -> Compared:
    return batch(pairs, own([], pairs), 0)


@pytest.mark.parametrize("changes", [{}, {"margin": True}, {"loss": "soft_label"}])
def test_the_loss_of_a_judge(folders: dict[str, Path], changes: dict[str, object]):
    """Three answers in a row are three ordered pairs."""
    model, pairs = judge(folders), read(folders, edits=True)[:6]
    total, told = Ranking(reward_work(**changes))(model, rows(pairs), PHASE)
    wanted, right, count = 0.0, 0.0, 0
    for pair in pairs:
        scores = model.scores([answer.ids.tolist() for answer in pair.answers]).tolist()
        for better, worse in [(0, 1)] if len(scores) == 2 else [(0, 1), (0, 2), (1, 2)]:
            gap = scores[better] - scores[worse]
            share = (0.65, 0.75, 0.85, 0.95)[pair.level] if "loss" in changes else 1
            wanted_gap = gap - (pair.level / 3 if "margin" in changes else 0)
            wanted -= share * log(wanted_gap) + (1 - share) * log(-wanted_gap)
            right, count = right + (gap > 0), count + 1
    assert total.item() == pytest.approx(wanted, rel=1e-5)
    assert told["accuracy"].item() == right
    assert int(rows(pairs).terms) == count == 10


def test_grades_that_nobody_gave_are_not_learnt(folders: dict[str, Path]):
    model, pairs = judge(folders, graded=True), read(folders, graded=GRADED, edits=True)[:4]
    bare, _ = Ranking(reward_work())(model, rows(pairs), PHASE)
    total, told = Ranking(reward_work(grading=0.5))(model, rows(pairs), PHASE)
    wanted = 0.0
    for pair, example in zip(PAIRS, pairs, strict=False):
        for number, answer in enumerate(example.answers[-2:]):
            ids = answer.ids[None]
            logs = model.graded(model.hidden(ids, torch.zeros_like(ids), None)[0, -1:]).log_softmax(-1)[0]
            wanted -= sum(logs[GRADED.index(name), both[number]].item() for name, both in pair.grades.items())
    assert told["grading"].item() == pytest.approx(wanted)
    assert (total - bare).item() == pytest.approx(0.5 * wanted)


# ---- what a comparison leaves out ----------------------------------------------------------


def test_a_mask_leaves_out_the_templates_own_tokens(folders: dict[str, Path]):
    words = Vocabulary.open(folders["tokenizer"])
    (plain, *_), (masked, *_) = read(folders), read(folders, mask=("headers", "terminators"))
    kept = plain.answers[0].ids[masked.answers[0].compared].tolist()
    assert words.decode(kept).strip() == PAIRS[0].chosen.strip()
    assert plain.answers[0].compared.tolist() == plain.answers[0].learnt.tolist()
    assert int(masked.answers[0].compared.sum()) < int(plain.answers[0].compared.sum())
    assert masked.answers[0].learnt.tolist() == plain.answers[0].learnt.tolist()


def test_the_longest_row_is_counted_for_memory(folders: dict[str, Path]):
    pairs = read(folders)
    made = batch(pairs[:2], [torch.zeros(2, 2)], 150)
    assert int((made.fullest().answers_BT >= 0).sum()) == 150
