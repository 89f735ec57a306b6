"""Distillation: the doors agree with the references, and with what the definitions promise."""

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from lehr.kernels.cross_entropy.op import cross_entropy
from lehr.kernels.distill import op, reference, targets

KINDS = ("forward", "reverse", "jensen_shannon")
SHAPES = ({}, {"temperature": 2.0, "cap": 3.0}, {"temperature": 0.7, "teacher_cap": 4.0, "beta": 0.1})


def drawn(tokens: int = 23, vocab: int = 41, scale: float = 1.0) -> tuple[Tensor, ...]:
    """Student, teacher and labels, of which every third is ignored."""
    source = torch.Generator().manual_seed(5)
    shapes = ((tokens, 6), (vocab, 6), (tokens, 9), (vocab, 9))
    numbers = [torch.randn(shape, generator=source, dtype=torch.float64) for shape in shapes]
    labels_N = torch.randint(vocab, (tokens,), generator=source)
    labels_N[::3] = -100
    student = [(numbers[0] * scale).requires_grad_(), numbers[1].requires_grad_()]
    return (*student, numbers[2] * scale, numbers[3], labels_N)


def assert_same(ours: Tensor, theirs: Tensor, wanted: tuple[Tensor, ...]) -> None:
    torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)
    mine, others = (torch.autograd.grad(x * 0.37, wanted) for x in (ours, theirs))
    torch.testing.assert_close(mine, others, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("tokens", [1, 23, 300])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("kind", KINDS)
def test_a_divergence_agrees_with_the_reference(kind: str, shape: dict[str, Any], tokens: int):
    models = drawn(tokens)
    ways = (way(*models, kind=kind, **shape) for way in (op.divergence, reference.divergence))
    assert_same(*ways, models[:2])


@pytest.mark.parametrize("labelled", [True, False])
def test_tokens_count_as_often_as_their_weights_say(labelled: bool):
    *models, labels_N = drawn(60)
    weights_N = torch.rand(60, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    weights_N[7:11] = 0
    read = (labels_N if labelled else None, weights_N)
    for kind in KINDS:
        ways = (way(*models, *read, kind=kind) for way in (op.divergence, reference.divergence))
        assert_same(*ways, tuple(models[:2]))
    likeliest = targets.top_k(*models[2:], 5)
    ways = (way(*models[:2], *likeliest, *read) for way in (op.top_k, reference.top_k))
    assert_same(*ways, tuple(models[:2]))


@pytest.mark.parametrize("kind", KINDS)
def test_so_it_does_with_logits_of_ten_thousand(kind: str):
    models = drawn(scale=1e4)
    assert_same(op.divergence(*models, kind=kind), reference.divergence(*models, kind=kind), models[:2])


@pytest.mark.parametrize("kind", KINDS)
def test_a_student_that_is_its_teacher_has_nothing_to_learn(kind: str):
    hidden_ND, unembedding_VD, *_ = drawn()
    total = op.divergence(hidden_ND, unembedding_VD, hidden_ND.detach(), unembedding_VD.detach(), kind=kind)
    assert total.item() == pytest.approx(0, abs=1e-12)
    assert max(g.abs().max() for g in torch.autograd.grad(total, (hidden_ND, unembedding_VD))) < 1e-12


def test_the_gradient_of_a_forward_divergence_is_student_less_teacher():
    """With the unit matrix as unembedding the hidden states are the logits."""
    source = torch.Generator().manual_seed(1)
    z_NV, t_NV = (torch.randn(5, 7, generator=source, dtype=torch.float64) for _ in range(2))
    unit_VV, z_NV = torch.eye(7, dtype=torch.float64), z_NV.requires_grad_()
    (gradient_NV,) = torch.autograd.grad(op.divergence(z_NV, unit_VV, t_NV, unit_VV), z_NV)
    torch.testing.assert_close(gradient_NV, z_NV.softmax(1) - t_NV.softmax(1))


def test_a_hot_divergence_only_centres_logits():
    """As T grows, T² times the gradient becomes the difference of the centred logits over V (Hinton et al., eq. 4)."""
    source = torch.Generator().manual_seed(1)
    z_NV, t_NV = (torch.randn(5, 7, generator=source, dtype=torch.float64) for _ in range(2))
    unit_VV, z_NV, hot = torch.eye(7, dtype=torch.float64), z_NV.requires_grad_(), 1e4
    total = op.divergence(z_NV, unit_VV, t_NV, unit_VV, temperature=hot) * hot**2
    (gradient_NV,) = torch.autograd.grad(total, z_NV)
    centred_NV = [x - x.mean(1, keepdim=True) for x in (z_NV.detach(), t_NV)]
    torch.testing.assert_close(gradient_NV, (centred_NV[0] - centred_NV[1]) / 7, rtol=1e-3, atol=1e-4)


def test_rounded_teachers_do_not_spoil_the_gradient():
    """bf16 models: the gradient is that of their logits in fp32; rounded ones would be 2 to 4 % off."""
    hidden_ND, unembedding_VD, *teacher, labels_N = drawn(64, 97)
    student = [x.detach().bfloat16().requires_grad_() for x in (hidden_ND, unembedding_VD)]
    wide = [x.detach().double().requires_grad_() for x in student]
    teacher = [x.bfloat16() for x in teacher]
    ours = torch.autograd.grad(op.divergence(*student, *teacher, labels_N), student)
    exact = torch.autograd.grad(reference.divergence(*wide, *(x.double() for x in teacher), labels_N), wide)
    for one, other in zip(ours, exact, strict=True):
        assert one.dtype == torch.bfloat16
        assert (one.double() - other).norm() <= 2**-8 * other.norm()


@pytest.mark.parametrize("cap", [None, 3.0])
@pytest.mark.parametrize("teacher", [0.0, 0.5, 0.9, 1.0])
def test_a_convex_mixture_agrees_with_the_reference(teacher: float, cap: float | None):
    hidden_ND, unembedding_VD, *other, labels_N = drawn(60)
    guesses_N = targets.guesses(*other)
    guesses_N[5:20] = labels_N[5:20].clamp(min=0)  # some agree with the truth
    arguments = (hidden_ND, unembedding_VD, labels_N, guesses_N)
    ways = (way(*arguments, teacher=teacher, cap=cap) for way in (op.convex, reference.convex))
    assert_same(*ways, (hidden_ND, unembedding_VD))


def test_nobody_looks_at_a_guess_where_the_label_is_ignored():
    hidden_ND, unembedding_VD, *other, labels_N = drawn(60)
    guesses_N = targets.guesses(*other)
    masked_N = guesses_N.where(labels_N != -100, -100)
    ways = (op.convex(hidden_ND, unembedding_VD, labels_N, found) for found in (masked_N, guesses_N))
    assert_same(*ways, (hidden_ND, unembedding_VD))


def test_a_mixture_without_a_teacher_is_cross_entropy():
    hidden_ND, unembedding_VD, *other, labels_N = drawn(60)
    mixed = op.convex(hidden_ND, unembedding_VD, labels_N, targets.guesses(*other), teacher=0.0)
    torch.testing.assert_close(mixed, cross_entropy(hidden_ND, unembedding_VD, labels_N))


def test_a_perfect_student_pays_the_entropy_of_the_mixture():
    z_NV, unit_VV = torch.tensor([[0.9, 0.1]], dtype=torch.float64).log(), torch.eye(2, dtype=torch.float64)
    total = op.convex(z_NV, unit_VV, torch.tensor([1]), torch.tensor([0]))
    assert total.item() == pytest.approx(0.3251, abs=1e-4)


@pytest.mark.parametrize("shape", [{}, {"temperature": 2.0, "cap": 3.0}], ids=str)
@pytest.mark.parametrize("k", [1, 5, 40, 41])
def test_the_likeliest_and_the_rest_agree_with_the_reference(k: int, shape: dict[str, Any]):
    hidden_ND, unembedding_VD, *other, labels_N = drawn(60)
    likeliest = targets.top_k(*other, k, temperature=shape.get("temperature", 1.0))
    ways = (
        way(hidden_ND, unembedding_VD, *likeliest, labels_N, **shape) for way in (op.top_k, reference.top_k)
    )
    assert_same(*ways, (hidden_ND, unembedding_VD))


def test_all_tokens_as_the_likeliest_are_the_whole_distribution():
    hidden_ND, unembedding_VD, *other, labels_N = drawn()
    some = op.top_k(hidden_ND, unembedding_VD, *targets.top_k(*other, 41), labels_N)
    whole = op.divergence(hidden_ND, unembedding_VD, *other, labels_N)
    assert_same(some, whole, (hidden_ND, unembedding_VD))


def test_fewer_tokens_tell_less():
    """Merging classes can only make a divergence smaller."""
    hidden_ND, unembedding_VD, *other, _ = drawn()
    told = [op.top_k(hidden_ND, unembedding_VD, *targets.top_k(*other, k)).item() for k in (1, 2, 5, 20, 41)]
    assert told == sorted(told)


def test_a_remainder_that_underflows_is_not_lost():
    """The student gives all other tokens together e^-1000; the teacher half."""
    z_NV = torch.tensor([[0.0, -1000.0, -1000.0]], requires_grad=True)
    total = op.top_k(z_NV, torch.eye(3), torch.tensor([[0]]), torch.tensor([[math.log(0.5)]]))
    assert total.item() == pytest.approx(math.log(0.5) + 0.5 * (1000 - math.log(2)), rel=1e-5)
    (gradient_NV,) = torch.autograd.grad(total, z_NV)
    assert gradient_NV.tolist() == [[0.5, -0.25, -0.25]]


@pytest.mark.parametrize(("temperature", "cap"), [(1.0, None), (2.0, 3.0)])
def test_targets_are_those_of_all_logits(temperature: float, cap: float | None):
    _, _, hidden_NE, unembedding_VE, _ = drawn(300)
    z_NV = reference.logits(hidden_NE, unembedding_VE, cap) / temperature
    assert targets.guesses(hidden_NE, unembedding_VE).equal(z_NV.argmax(1))
    ids_NK, log_probs_NK = targets.top_k(hidden_NE, unembedding_VE, 5, temperature=temperature, cap=cap)
    expected = z_NV.log_softmax(1).topk(5)
    assert ids_NK.equal(expected.indices)
    torch.testing.assert_close(log_probs_NK, expected.values)


@pytest.mark.parametrize("ignored", [True, False])
def test_of_no_tokens_the_loss_and_every_gradient_is_zero(ignored: bool):
    hidden_ND, unembedding_VD, teacher_NE, teachers_VE, labels_N = drawn(5 if ignored else 0)
    labels_N.fill_(-100)
    for total in (
        op.divergence(hidden_ND, unembedding_VD, teacher_NE, teachers_VE, labels_N),
        op.convex(hidden_ND, unembedding_VD, labels_N, labels_N.clamp(min=0)),
        op.top_k(hidden_ND, unembedding_VD, *targets.top_k(teacher_NE, teachers_VE, 3), labels_N),
    ):
        assert total.item() == 0
        assert not any(g.any() for g in torch.autograd.grad(total, (hidden_ND, unembedding_VD)))


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_are_those_of_finite_differences(kind: str):
    hidden_ND, unembedding_VD, *teacher, labels_N = drawn(4, 7)

    def loss(hidden_ND: Tensor, unembedding_VD: Tensor) -> Tensor:
        return op.divergence(
            hidden_ND, unembedding_VD, *teacher, labels_N, kind=kind, temperature=1.5, cap=4.0
        )

    assert torch.autograd.gradcheck(loss, (hidden_ND, unembedding_VD))


def test_only_wanted_gradients_are_made():
    hidden_ND, unembedding_VD, *teacher, labels_N = drawn()
    for still, moving in ((unembedding_VD, hidden_ND), (hidden_ND, unembedding_VD)):
        still.requires_grad_(False)
        both = torch.autograd.grad(
            reference.divergence(hidden_ND, unembedding_VD, *teacher, labels_N), moving
        )
        ours = torch.autograd.grad(op.divergence(hidden_ND, unembedding_VD, *teacher, labels_N), moving)
        torch.testing.assert_close(ours, both)
        still.requires_grad_(True)


@pytest.mark.parametrize(
    ("message", "error", "change"),
    [
        ("temperature: got 0, expected", ValueError, {"temperature": 0}),
        ("temperature: got nan", ValueError, {"temperature": math.nan}),
        ("teacher_cap: got -1", ValueError, {"teacher_cap": -1}),
        ("beta: got 1, expected a number between", ValueError, {"beta": 1}),
        ("kind: got 'sideways', expected one of forward", ValueError, {"kind": "sideways"}),
        (
            "teacher_hidden: got 22 tokens, expected 23",
            ValueError,
            {"teacher_hidden_NE": torch.zeros(22, 9).double()},
        ),
        (
            "a vocabulary of 40, expected 41",
            ValueError,
            {"teacher_unembedding_VE": torch.zeros(40, 9).double()},
        ),
        (r"weights: got \(22,\) of torch.float64", ValueError, {"weights_N": torch.ones(22).double()}),
        ("weights: got .* of torch.int64", ValueError, {"weights_N": torch.ones(23).long()}),
        (
            "teacher_hidden: got a tensor that requires a gradient",
            RuntimeError,
            {"teacher_hidden_NE": torch.zeros(23, 9).double().requires_grad_()},
        ),
    ],
)
def test_what_does_not_fit_is_refused(message: str, error: type[Exception], change: dict[str, Any]):
    names = ("hidden_ND", "unembedding_VD", "teacher_hidden_NE", "teacher_unembedding_VE", "labels_N")
    arguments = dict(zip(names, drawn(), strict=True)) | change
    with pytest.raises(error, match=message):
        op.divergence(**arguments)


@pytest.mark.parametrize(
    ("message", "call"),
    [
        ("guesses: got -100, expected 0 to 40$", lambda h, w, y: op.convex(h, w, y, y * 0 - 100)),
        ("guesses: got 41, expected 0 to 40", lambda h, w, y: op.convex(h, w, y, y * 0 + 41)),
        (
            "teacher: got 2, expected a number from 0 to 1",
            lambda h, w, y: op.convex(h, w, y, y.clamp(0), teacher=2),
        ),
        (
            "ids: got -1, expected 0 to 40$",
            lambda h, w, y: op.top_k(h, w, y[:, None] * 0 - 1, h[:, :1].detach()),
        ),
        (
            "ids: got 7 twice for a token, expected different ones",
            lambda h, w, y: op.top_k(h, w, y[:, None] * 0 + torch.tensor([7, 3, 7]), h[:, :3].detach()),
        ),
        (r"ids: got \(23, 0\)", lambda h, w, y: op.top_k(h, w, y[:, None][:, :0], h[:, :0].detach())),
        (r"log_probs: got \(23, 2\)", lambda h, w, y: op.top_k(h, w, y.clamp(0)[:, None], h[:, :2].detach())),
    ],
)
def test_so_are_targets(message: str, call: Callable[..., Tensor]):
    hidden_ND, unembedding_VD, _, _, labels_N = drawn()
    with pytest.raises(ValueError, match=message):
        call(hidden_ND, unembedding_VD, labels_N)
