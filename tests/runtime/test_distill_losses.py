"""What `distill` learns by, against the definitions worked out anew in fp64, with every logit of both models."""

import math
from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest
import torch
from torch import Tensor

from lehr.compiler.plan.model import Arch, Convex, Distribution, OnPolicy, Phase, Target, TopK
from lehr.runtime.parts.data.feed import IGNORED, Batch
from lehr.runtime.parts.distill.imitation import Imitation
from lehr.runtime.parts.distill.teacher import Teacher
from lehr.runtime.parts.model.decoder import Decoder
from lehr.runtime.parts.model.initial import initialise

SMALL = Arch(
    layers=1,
    width=8,
    heads=2,
    kv_heads=1,
    head_dim=4,
    ffn=12,
    vocab=29,
    rope=100.0,
    tied=False,
    norm_eps=1e-5,
    final_cap=2.0,
)
LARGE = SMALL.model_copy(update={"layers": 2, "width": 16, "head_dim": 8, "rope": 1e4, "final_cap": 3.0})
PHASE = Phase(steps=1, context=12, sequences=4, rope=500.0, shares={})
KINDS = ("forward", "reverse", "jensen_shannon")


def model_of(arch: Arch, rng: int) -> Decoder:
    model = Decoder(arch)
    initialise(model, 0.5, rng)
    return model.double()


def batch() -> Batch:
    """Four rows of two documents each; no label where the next token is another document's."""
    source = torch.Generator().manual_seed(3)
    ids = torch.randint(0, 29, (4, 13), generator=source)
    documents = (torch.arange(13) >= torch.tensor([[3], [5], [7], [9]])).long()
    labels = ids[:, 1:].masked_fill(documents[:, 1:] != documents[:, :-1], IGNORED)
    return Batch(ids[:, :-1].contiguous(), labels, documents[:, :-1].contiguous())


def log_probs(model: Decoder, rope: float | None, temperature: float) -> Tensor:
    """Of the tokens that have a label; `Decoder.logits` caps them."""
    whole = batch()
    logits_BTV = model(whole.tokens_BT, whole.documents_BT, rope)
    return (logits_BTV[whole.labels_BT != IGNORED] / temperature).log_softmax(-1)


def expected(target: Target, student: Decoder, teacher: Decoder) -> Tensor:
    temperature = getattr(target, "temperature", 1.0)
    q_NV = log_probs(student, PHASE.rope, temperature)
    with torch.no_grad():
        p_NV = log_probs(teacher, None, temperature)
    labels_N = batch().labels_BT[batch().labels_BT != IGNORED]
    match target:
        case Convex(label=label, teacher_top1=top1):
            at = torch.arange(len(labels_N))
            mixed = float(label) * q_NV[at, labels_N] + float(top1) * q_NV[at, p_NV.argmax(-1)]
            return -mixed.sum()
        case TopK(k=k):
            best_NK = p_NV.topk(k).indices
            some_p, some_q = p_NV.gather(1, best_NK), q_NV.gather(1, best_NK)
            rest_p, rest_q = (1 - one.exp().sum(1) for one in (some_p, some_q))
            kept = (some_p.exp() * (some_p - some_q)).sum()
            return kept + (rest_p * (rest_p.log() - rest_q.log())).sum()
        case Distribution():
            return (p_NV.exp() * (p_NV - q_NV)).sum()


TARGETS = (
    Convex(label=Fraction(1, 10), teacher_top1=Fraction(9, 10)),
    Convex(label=Fraction(1, 2), teacher_top1=Fraction(1, 2)),
    Distribution(temperature=1.0),
    Distribution(temperature=2.5),
    TopK(k=1, temperature=1.0),
    TopK(k=5, temperature=2.5),
)


@pytest.mark.parametrize("target", TARGETS, ids=str)
def test_a_loss_and_its_gradient_are_those_of_the_formula(target: Target):
    student, teacher = model_of(SMALL, 1), model_of(LARGE, 2)
    total, beside = Imitation(target, Teacher(teacher, target))(student, batch(), PHASE)
    formula = expected(target, student, teacher)
    torch.testing.assert_close(total, formula, rtol=1e-10, atol=1e-10)
    wanted = tuple(student.parameters())
    ours, theirs = (torch.autograd.grad(one, wanted) for one in (total, formula))
    torch.testing.assert_close(ours, theirs, rtol=1e-8, atol=1e-10)
    truth_NV, labels_N = log_probs(student, PHASE.rope, 1.0), batch().labels_BT[batch().labels_BT != IGNORED]
    torch.testing.assert_close(beside["truth"], -truth_NV.gather(1, labels_N[:, None]).sum())
    assert not beside["truth"].requires_grad


def test_the_cross_entropy_of_gemma_is_the_loss_and_the_teachers_entropy():
    """And so a student that is its teacher stands at that entropy, with nothing left to learn."""
    student, teacher, target = model_of(SMALL, 1), model_of(LARGE, 2), Distribution(temperature=1.0)

    def cross_entropy(student: Decoder, rope: float | None) -> Tensor:
        return -(log_probs(teacher, None, 1.0).exp() * log_probs(student, rope, 1.0)).sum()

    p_NV = log_probs(teacher, None, 1.0)
    entropy = -(p_NV.exp() * p_NV).sum()
    source = Teacher(teacher, target)
    total, _ = Imitation(target, source)(student, batch(), PHASE)
    torch.testing.assert_close(total + entropy, cross_entropy(student, PHASE.rope))
    twin = model_of(LARGE, 2)
    total, _ = Imitation(target, source)(twin, batch(), PHASE.model_copy(update={"rope": LARGE.rope}))
    assert abs(total.item()) < 1e-10
    torch.testing.assert_close(total + entropy, cross_entropy(twin, None))
    assert max(g.abs().max() for g in torch.autograd.grad(total, tuple(twin.parameters()))) < 1e-10


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("target", [TopK(k=3, temperature=1.5), Distribution(temperature=1.5)], ids=str)
def test_a_student_that_is_its_teacher_has_nothing_to_learn_of_its_own_answers(target: Target, kind: Any):
    policy = OnPolicy(divergence=kind, beta=0.3, max_new=4, temperature=1.0)
    weighted = replace(batch(), beside=(torch.rand(4, 12).double(),))
    total = Imitation(target, Teacher(model_of(LARGE, 2), target), policy)(
        model_of(LARGE, 2), weighted, PHASE.model_copy(update={"rope": None})
    )
    assert isinstance(total, Tensor)
    assert abs(total.item()) < 1e-10


def test_the_gradient_by_the_logits_is_student_less_teacher():
    """The unembedding's is that of the logits times the hidden states; without a cap it is read off there."""
    bare = {"final_cap": None}
    student, teacher = model_of(SMALL.model_copy(update=bare), 1), model_of(LARGE.model_copy(update=bare), 2)
    target = Distribution(temperature=1.0)
    total, _ = Imitation(target, Teacher(teacher, target))(student, batch(), PHASE)
    (gradient_VD,) = torch.autograd.grad(total, student.unembedding)
    q_NV, p_NV = (log_probs(*one, 1.0).exp() for one in ((student, PHASE.rope), (teacher, None)))
    kept = batch().labels_BT != IGNORED
    hidden_ND = student.hidden(batch().tokens_BT, batch().documents_BT, PHASE.rope)[kept]
    torch.testing.assert_close(gradient_VD, (q_NV - p_NV).T @ hidden_ND, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("kind", KINDS)
def test_answers_count_alike_however_long_they_are(kind: Any):
    """1 / |y| of an answer's tokens, and the mean over answers (GKD, arXiv:2306.13649, section 3)."""
    student, teacher = model_of(SMALL, 1), model_of(LARGE, 2)
    whole = batch()
    lengths = torch.tensor([2, 11, 5, 8])
    places = torch.arange(12)
    labels = whole.labels_BT.masked_fill(places >= lengths[:, None], IGNORED)
    sizes = (labels != IGNORED).sum(1)
    weights_BT = (sizes.sum() / (4 * sizes.double()))[:, None].expand(4, 12).contiguous()
    read = replace(whole, labels_BT=labels, beside=(weights_BT,))
    policy, target = (
        OnPolicy(divergence=kind, beta=0.3, max_new=4, temperature=1.0),
        Distribution(temperature=1.5),
    )
    total = Imitation(target, Teacher(teacher, target), policy)(student, read, PHASE)
    assert isinstance(total, Tensor)

    def divergence(row: int) -> float:
        kept = labels[row] != IGNORED
        q, p = (
            (model(whole.tokens_BT, whole.documents_BT, rope)[row][kept] / 1.5).log_softmax(-1)
            for model, rope in ((student, PHASE.rope), (teacher, None))
        )
        m = torch.logaddexp(p + math.log(0.3), q + math.log(0.7))
        match kind:
            case "forward":
                each = (p.exp() * (p - q)).sum(-1)
            case "reverse":
                each = (q.exp() * (q - p)).sum(-1)
            case _:
                each = 0.3 * (p.exp() * (p - m)).sum(-1) + 0.7 * (q.exp() * (q - m)).sum(-1)
        return each.mean().item()

    mean = total.item() / int(sizes.sum())  # the loop divides by the labels of a step
    assert mean == pytest.approx(sum(divergence(row) for row in range(4)) / 4, rel=1e-9)


def test_a_teacher_stands_still():
    """It is in evaluation mode and out of every gradient, whatever is done with what it says."""
    student, teacher = model_of(SMALL, 1), model_of(LARGE, 2).train()
    before = {name: tensor.clone() for name, tensor in teacher.named_parameters()}
    target = Distribution(temperature=1.0)
    total, _ = Imitation(target, Teacher(teacher, target))(student, batch(), PHASE)
    total.backward()
    assert not any(module.training for module in teacher.modules())
    for name, tensor in teacher.named_parameters():
        assert not tensor.requires_grad
        assert tensor.grad is None
        assert tensor.equal(before[name])
    assert all(parameter.grad is not None for parameter in student.parameters())


def test_a_teacher_reads_no_more_at_once_than_it_should(monkeypatch: pytest.MonkeyPatch):
    """Rows in parts say what rows together say."""
    teacher = model_of(LARGE, 2)
    whole = Teacher(teacher, TARGETS[4]).says(batch())
    sizes: list[int] = []
    hidden = teacher.hidden
    monkeypatch.setattr("lehr.runtime.parts.distill.teacher._TOKENS", 25)
    monkeypatch.setattr(teacher, "hidden", lambda ids, *rest: (sizes.append(len(ids)), hidden(ids, *rest))[1])
    parts = Teacher(teacher, TARGETS[4]).says(batch())
    assert sizes == [2, 2]
    torch.testing.assert_close(parts, whole)
