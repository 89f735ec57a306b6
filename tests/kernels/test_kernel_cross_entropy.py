"""Cross-entropy: the door agrees with the reference, forward and backward."""

import math

import pytest
import torch

from lehr.kernels.cross_entropy import reference
from lehr.kernels.cross_entropy.op import cross_entropy, log_probs


def drawn(tokens: int, width: int = 6, vocab: int = 11) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    source = torch.Generator().manual_seed(3)
    hidden_ND = torch.randn(tokens, width, generator=source, dtype=torch.float64, requires_grad=True)
    unembedding_VD = torch.randn(vocab, width, generator=source, dtype=torch.float64, requires_grad=True)
    labels_N = torch.randint(vocab, (tokens,), generator=source)
    labels_N[::3] = -100
    return hidden_ND, unembedding_VD, labels_N


@pytest.mark.parametrize("kinds", [{}, {"cap": 3.0}, {"z_loss": 1e-2}, {"cap": 2.0, "z_loss": 0.1}], ids=str)
@pytest.mark.parametrize("tokens", [1, 7, 300, 1000])
def test_the_door_agrees_with_the_reference(tokens: int, kinds: dict[str, float]) -> None:
    hidden_ND, unembedding_VD, labels_N = drawn(tokens)
    ours = cross_entropy(hidden_ND, unembedding_VD, labels_N, **kinds)
    theirs = reference.cross_entropy(hidden_ND, unembedding_VD, labels_N, **kinds)
    torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)
    wanted = (hidden_ND, unembedding_VD)
    torch.testing.assert_close(
        torch.autograd.grad(ours * 0.37, wanted),
        torch.autograd.grad(theirs * 0.37, wanted),
        rtol=1e-11,
        atol=1e-11,
    )


@pytest.mark.parametrize("kinds", [{}, {"cap": 30.0}, {"z_loss": 1e-2}], ids=str)
def test_so_it_does_with_logits_of_ten_thousand(kinds: dict[str, float]) -> None:
    hidden_ND, unembedding_VD, labels_N = drawn(300)
    wanted, ways = (hidden_ND, unembedding_VD), (cross_entropy, reference.cross_entropy)
    ours, theirs = (way(hidden_ND * 1e4, unembedding_VD, labels_N, **kinds) for way in ways)
    torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=0)
    mine, others = (torch.autograd.grad(total, wanted) for total in (ours, theirs))
    torch.testing.assert_close(
        mine, others, rtol=1e-9, atol=1e-12 * max(x.abs().max().item() for x in others)
    )


def test_ignored_tokens_have_no_gradient() -> None:
    hidden_ND, unembedding_VD, labels_N = drawn(12)
    (gradient_ND,) = torch.autograd.grad(cross_entropy(hidden_ND, unembedding_VD, labels_N), hidden_ND)
    assert (gradient_ND.abs().sum(1) > 0).tolist() == (labels_N != -100).tolist()


@pytest.mark.parametrize("tokens", [0, 5])
def test_of_no_labels_the_loss_and_every_gradient_is_zero(tokens: int) -> None:
    hidden_ND, unembedding_VD, labels_N = drawn(tokens)
    for total in (
        cross_entropy(hidden_ND, unembedding_VD, labels_N.fill_(-100), cap=3.0, z_loss=0.1),
        log_probs(hidden_ND, unembedding_VD, labels_N).sum(),
    ):
        assert total.item() == 0
        assert not any(g.any() for g in torch.autograd.grad(total, (hidden_ND, unembedding_VD)))


def test_a_vocabulary_wider_than_a_block() -> None:
    hidden_ND, unembedding_VD, labels_N = drawn(3, 2, 400_000)
    found = (way(hidden_ND, unembedding_VD, labels_N) for way in (cross_entropy, reference.cross_entropy))
    torch.testing.assert_close(*found, rtol=1e-12, atol=0)


def test_it_is_a_sum_so_parts_add_up() -> None:
    hidden_ND, unembedding_VD, labels_N = drawn(40)
    parts = [
        cross_entropy(hidden_ND[part], unembedding_VD, labels_N[part]) for part in (slice(9), slice(9, 40))
    ]
    torch.testing.assert_close(sum(parts), cross_entropy(hidden_ND, unembedding_VD, labels_N))


def test_equal_logits_cost_the_logarithm_of_the_vocabulary() -> None:
    loss = cross_entropy(torch.zeros(5, 6), torch.ones(11, 6), torch.tensor([0, 1, 2, 3, -100]))
    assert loss.item() == pytest.approx(4 * math.log(11))


def test_a_hopeless_token_costs_a_finite_loss() -> None:
    """The label's probability is far below the smallest fp32 number, its logarithm is not."""
    loss = cross_entropy(torch.tensor([[1.0]]), torch.tensor([[0.0], [500.0]]), torch.tensor([0]))
    assert loss.item() == 500.0


def test_another_label_may_be_the_ignored_one() -> None:
    hidden_ND, unembedding_VD, labels_N = drawn(9)
    kept = labels_N.where(labels_N != -100, 4)
    assert (
        cross_entropy(hidden_ND, unembedding_VD, kept, ignore=4).item()
        == cross_entropy(hidden_ND, unembedding_VD, kept.where(kept != 4, -100)).item()
    )


def test_what_does_not_fit_is_refused_with_what_came_and_what_was_expected() -> None:
    hidden_ND, unembedding_VD, labels_N = drawn(9)
    for message, error, change in (
        ("labels: got 8 of them, expected 9", ValueError, {"labels_N": labels_N[:8]}),
        (
            "labels: got 11, expected 0 to 10 or -100",
            ValueError,
            {"labels_N": labels_N.where(labels_N < 0, 11)},
        ),
        ("labels: got torch.float32, expected int32", TypeError, {"labels_N": labels_N.float()}),
        (r"got \(9, 6\) and \(11, 5\), expected", ValueError, {"unembedding_VD": unembedding_VD[:, :5]}),
        (
            "unembedding: got torch.float32, expected torch.float64",
            TypeError,
            {"unembedding_VD": unembedding_VD.float()},
        ),
        ("hidden: got torch.int64, expected bf16", TypeError, {"hidden_ND": hidden_ND.long()}),
        (
            "unembedding: got a tensor on meta, expected",
            ValueError,
            {"unembedding_VD": unembedding_VD.to("meta")},
        ),
        ("cap: got 0, expected a finite number above 0", ValueError, {"cap": 0}),
        ("cap: got nan", ValueError, {"cap": math.nan}),
        ("z_loss: got -1", ValueError, {"z_loss": -1}),
    ):
        arguments = {"hidden_ND": hidden_ND, "unembedding_VD": unembedding_VD, "labels_N": labels_N} | change
        with pytest.raises(error, match=message):
            cross_entropy(**arguments)


@pytest.mark.parametrize("cap", [None, 3.0])
def test_log_probabilities_agree_with_the_reference(cap: float | None) -> None:
    drawn_at = drawn(40)
    ours, theirs = log_probs(*drawn_at, cap=cap), reference.log_probs(*drawn_at, cap=cap)
    torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)
    assert (ours == 0).tolist() == (drawn_at[2] == -100).tolist()


def test_bf16_is_multiplied_into_fp32() -> None:
    """The logits are those of the numbers as they are; only their gradient is rounded before it is multiplied on."""
    hidden_ND, unembedding_VD, labels_N = drawn(300, 64, 97)
    narrow = [x.detach().bfloat16().requires_grad_() for x in (hidden_ND, unembedding_VD)]
    wide = [x.detach().double().requires_grad_() for x in narrow]
    found_N, exact_N = (log_probs(*student, labels_N) for student in (narrow, wide))
    torch.testing.assert_close(found_N, exact_N.float(), rtol=1e-5, atol=1e-5)
    ours = torch.autograd.grad(cross_entropy(*narrow, labels_N), narrow)
    exact = torch.autograd.grad(reference.cross_entropy(*wide, labels_N), wide)
    for one, other in zip(ours, exact, strict=True):
        assert one.dtype == torch.bfloat16
        assert (one.double() - other).norm() <= 2**-8 * other.norm()


def test_how_other_products_are_rounded_stays_as_it_was() -> None:
    before = torch.backends.mkldnn.matmul.fp32_precision
    cross_entropy(torch.ones(3, 2).bfloat16(), torch.ones(5, 2).bfloat16(), torch.tensor([0, 1, 2]))
    assert torch.backends.mkldnn.matmul.fp32_precision == before
