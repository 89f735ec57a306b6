"""The losses as torch sees them: custom operations, gradients by finite differences, what a graph may be used for."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from lehr.kernels.cross_entropy import op as losses
from lehr.kernels.distill import op as distill
from lehr.kernels.distill import targets

Loss = Callable[[Tensor, Tensor], Tensor]


def drawn(tokens: int = 4, vocab: int = 7) -> tuple[Tensor, ...]:
    """Student, teacher and labels, of which one is ignored."""
    source = torch.Generator().manual_seed(11)
    shapes = ((tokens, 3), (vocab, 3), (tokens, 5), (vocab, 5))
    numbers = [torch.randn(shape, generator=source, dtype=torch.float64) for shape in shapes]
    labels_N = torch.randint(vocab, (tokens,), generator=source)
    labels_N[1] = -100
    return (*(x.requires_grad_() for x in numbers[:2]), *numbers[2:], labels_N)


def losses_of(teacher_NE: Tensor, teachers_VE: Tensor, labels_N: Tensor) -> dict[str, Loss]:
    guesses_N = targets.guesses(teacher_NE, teachers_VE)
    likeliest = targets.top_k(teacher_NE, teachers_VE, 3, temperature=1.5)
    teacher = (teacher_NE, teachers_VE)
    return {
        "cross_entropy": lambda x, w: losses.cross_entropy(x, w, labels_N, cap=4.0, z_loss=0.1),
        "log_probs": lambda x, w: losses.log_probs(x, w, labels_N, cap=4.0),
        "divergence": lambda x, w: distill.divergence(x, w, *teacher, labels_N, cap=4.0),
        "convex": lambda x, w: distill.convex(x, w, labels_N, guesses_N, cap=4.0),
        "top_k": lambda x, w: distill.top_k(x, w, *likeliest, labels_N, temperature=1.5, cap=4.0),
    }


NAMES = ("cross_entropy", "log_probs", "divergence", "convex", "top_k")


@pytest.fixture(params=NAMES)
def case(request: pytest.FixtureRequest) -> tuple[Loss, tuple[Tensor, Tensor]]:
    hidden_ND, unembedding_VD, *rest = drawn()
    return losses_of(*rest)[request.param], (hidden_ND, unembedding_VD)


def test_gradients_are_those_of_finite_differences(case: tuple[Loss, tuple[Tensor, Tensor]]):
    loss, student = case
    assert torch.autograd.gradcheck(loss, student)


def test_a_second_derivative_is_refused(case: tuple[Loss, tuple[Tensor, Tensor]]):
    loss, student = case
    first = torch.autograd.grad(loss(*student).sum(), student[0], create_graph=True)[0]
    with pytest.raises(RuntimeError):
        torch.autograd.grad(first.sum(), student[0])


def test_a_graph_that_is_kept_gives_the_same_gradient_again(case: tuple[Loss, tuple[Tensor, Tensor]]):
    loss, student = case
    total = loss(*student).sum()
    first = [g.clone() for g in torch.autograd.grad(total * 0.37, student, retain_graph=True)]
    torch.testing.assert_close(list(torch.autograd.grad(total * 0.37, student, retain_graph=True)), first)
    torch.testing.assert_close(list(torch.autograd.grad(total * 0.37, student)), first)
    with pytest.raises(RuntimeError, match="second time"):
        torch.autograd.grad(total, student)


@pytest.mark.parametrize("remainder", [False, True])
def test_torch_accepts_cross_entropy_as_an_operation(remainder: bool):
    hidden_ND, unembedding_VD, *_ = drawn()
    ids_NK = torch.tensor([[0, 1], [2, 3], [4, 5], [6, 0]])
    shares_NK = torch.tensor([[0.7, 0.1]] * 4, dtype=torch.float64)
    weights_N = torch.tensor([1.0, 0.0, 1.0, 1.0], dtype=torch.float64)
    arguments = (ids_NK, shares_NK, weights_N, remainder, 4.0, 1.0, 0.0, True, True)
    accepted(torch.ops.lehr.cross_entropy, (hidden_ND, unembedding_VD, *arguments))


def test_torch_accepts_log_probabilities_as_an_operation():
    hidden_ND, unembedding_VD, _, _, labels_N = drawn()
    accepted(torch.ops.lehr.log_probs, (hidden_ND, unembedding_VD, labels_N, 4.0, -100))


@pytest.mark.parametrize("kind", ["forward", "reverse", "jensen_shannon"])
def test_torch_accepts_a_divergence_as_an_operation(kind: str):
    *models, labels_N = drawn()
    weights_N = (labels_N >= 0).double()
    accepted(torch.ops.lehr.divergence, (*models, weights_N, kind, 0.3, 2.0, 4.0, None, True, True))


def accepted(op: object, arguments: tuple[object, ...]) -> None:
    torch.library.opcheck(op.default, arguments)
