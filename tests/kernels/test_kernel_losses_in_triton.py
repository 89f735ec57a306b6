"""The losses' Triton kernels without a GPU: interpreted in fp64 against the references."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch import Tensor

pytest.importorskip("triton")

from lehr.kernels.cross_entropy import launch
from lehr.kernels.cross_entropy import op as losses
from lehr.kernels.cross_entropy import reference as by_definition
from lehr.kernels.distill import op as distill
from lehr.kernels.distill import reference, targets

INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"
"""Triton decides when it is first imported, so the interpreted tests run in a process of their own."""


@pytest.fixture
def _interpreted() -> Iterator[None]:
    if not INTERPRETED:
        pytest.skip("runs in a process of its own: see the next test")
    with poisoned():
        yield


@pytest.mark.skipif(INTERPRETED, reason="this is that process")
def test_the_interpreted_tests_pass():
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-W", "ignore", __file__]
    ran = subprocess.run(command, env=os.environ | {"TRITON_INTERPRET": "1"}, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout


@contextmanager
def poisoned() -> Iterator[None]:
    """Every allocation that nobody fills is full of NaN."""
    was = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(True)
    yield
    torch.use_deterministic_algorithms(was)


@pytest.fixture
def models(request: pytest.FixtureRequest) -> tuple[Tensor, ...]:
    return drawn(*request.param)


def drawn(
    tokens: int, vocab: int, scale: float = 1.0, dtype: torch.dtype = torch.float64
) -> tuple[Tensor, ...]:
    """Student, teacher and labels; every third is ignored, of one token none; strides as they come."""
    source = torch.Generator().manual_seed(7)
    shapes = ((5, tokens), (5, vocab), (tokens, 8), (vocab, 8))
    numbers = [torch.randn(shape, generator=source, dtype=torch.float64).to(dtype) for shape in shapes]
    labels_N = torch.randint(vocab, (tokens,), generator=source)
    labels_N[1::3] = -100
    student = [(numbers[0] * scale).T.requires_grad_(), numbers[1].T.requires_grad_()]
    return (*student, numbers[2] * scale, numbers[3], labels_N)


SIZES = [(1, 1), (1, 16), (7, 33), (4, 300), (5, 17, 1e4)]
odd_sizes = pytest.mark.parametrize("models", SIZES, ids=str, indirect=True)


def assert_same(ours: Tensor, theirs: Tensor, wanted: tuple[Tensor, ...]) -> None:
    """Forward and backward, with a gradient that has no memory of its own."""
    torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)
    given = torch.full((), 0.37, dtype=ours.dtype).expand(ours.shape)
    mine, others = (torch.autograd.grad(x, wanted, given) for x in (ours, theirs))
    torch.testing.assert_close(mine, others, rtol=1e-12, atol=1e-12 * max(1.0, wanted[0].abs().max().item()))


@odd_sizes
@pytest.mark.parametrize("shape", [{}, {"cap": 3.0}, {"z_loss": 0.1}, {"cap": 2.0, "z_loss": 0.1}], ids=str)
@pytest.mark.usefixtures("_interpreted")
def test_cross_entropy(models: tuple[Tensor, ...], shape: dict[str, float]):
    arguments = (*models[:2], models[4])
    ways = (way.cross_entropy(*arguments, **shape) for way in (losses, by_definition))
    assert_same(*ways, models[:2])


@odd_sizes
@pytest.mark.parametrize("cap", [None, 3.0])
@pytest.mark.usefixtures("_interpreted")
def test_log_probabilities(models: tuple[Tensor, ...], cap: float | None):
    arguments = (*models[:2], models[4])
    ways = (way.log_probs(*arguments, cap=cap) for way in (losses, by_definition))
    assert_same(*ways, models[:2])


@odd_sizes
@pytest.mark.parametrize("shape", [{}, {"temperature": 2.0, "cap": 3.0, "teacher_cap": 4.0}], ids=str)
@pytest.mark.parametrize("kind", ["forward", "reverse", "jensen_shannon"])
@pytest.mark.usefixtures("_interpreted")
def test_divergences(models: tuple[Tensor, ...], kind: str, shape: dict[str, Any]):
    ways = (way.divergence(*models, kind=kind, beta=0.3, **shape) for way in (distill, reference))
    assert_same(*ways, models[:2])


@odd_sizes
@pytest.mark.parametrize("cap", [None, 3.0])
@pytest.mark.usefixtures("_interpreted")
def test_a_mixture_with_the_best_guess(models: tuple[Tensor, ...], cap: float | None):
    hidden_ND, unembedding_VD, *teacher, labels_N = models
    arguments = (hidden_ND, unembedding_VD, labels_N, targets.guesses(*teacher))
    ways = (way.convex(*arguments, cap=cap) for way in (distill, reference))
    assert_same(*ways, models[:2])


@odd_sizes
@pytest.mark.parametrize("k", [1, 3, 16])
@pytest.mark.parametrize("shape", [{}, {"temperature": 2.0, "cap": 3.0}], ids=str)
@pytest.mark.usefixtures("_interpreted")
def test_the_likeliest_and_the_rest(models: tuple[Tensor, ...], k: int, shape: dict[str, Any]):
    hidden_ND, unembedding_VD, *teacher, labels_N = models
    likeliest = targets.top_k(
        *teacher, min(k, len(unembedding_VD)), temperature=shape.get("temperature", 1.0)
    )
    arguments = (hidden_ND, unembedding_VD, *likeliest, labels_N)
    ways = (way.top_k(*arguments, **shape) for way in (distill, reference))
    assert_same(*ways, models[:2])


@pytest.mark.usefixtures("_interpreted")
def test_sums_over_several_tiles(monkeypatch: pytest.MonkeyPatch):
    """A vocabulary that no tile holds, and stretches whose last is part empty."""
    monkeypatch.setattr(launch, "BLOCK", 16)
    monkeypatch.setattr("lehr.kernels.distill.launch.BLOCK", 16)
    monkeypatch.setattr(launch, "SMALL", {"TOKENS": 16, "ENTRIES": 16, "WIDTH": 16, "TILES": 2})
    hidden_ND, unembedding_VD, *teacher, labels_N = drawn(19, 71)
    student = (hidden_ND, unembedding_VD)
    for ours, theirs in (
        (losses.cross_entropy, by_definition.cross_entropy),
        (losses.log_probs, by_definition.log_probs),
    ):
        assert_same(ours(*student, labels_N, cap=3.0), theirs(*student, labels_N, cap=3.0), student)
    for kind in ("forward", "reverse", "jensen_shannon"):
        arguments = (*student, *teacher, labels_N)
        assert_same(
            distill.divergence(*arguments, kind=kind), reference.divergence(*arguments, kind=kind), student
        )


@pytest.mark.parametrize(
    ("dtype", "most"), [(torch.float32, 2e-6), (torch.float16, 2e-3), (torch.bfloat16, 2e-2)]
)
@pytest.mark.usefixtures("_interpreted")
def test_narrower_numbers(dtype: torch.dtype, most: float):
    """The interpreter cuts bf16 off instead of rounding it, so a little more is allowed there."""
    narrow, labels_N = drawn(9, 33, dtype=dtype)[:2], drawn(9, 33)[4]
    wide = tuple(x.detach().double().requires_grad_() for x in narrow)
    for way, exact in (
        (losses.cross_entropy, by_definition.cross_entropy),
        (losses.log_probs, by_definition.log_probs),
    ):
        ours, theirs = way(*narrow, labels_N).sum(), exact(*wide, labels_N).sum()
        assert ours.dtype == torch.float32
        assert ours.item() == pytest.approx(theirs.item(), rel=most)
        for one, other in zip(
            torch.autograd.grad(ours, narrow), torch.autograd.grad(theirs, wide), strict=True
        ):
            assert one.dtype == dtype
            assert (one.double() - other).norm() <= most * other.norm()


@pytest.mark.usefixtures("_interpreted")
def test_a_label_outside_the_vocabulary_reads_nothing_and_spoils_the_loss():
    """On a GPU nobody looks at the labels first."""
    from lehr.kernels.cross_entropy.rows import Shape

    hidden_ND, unembedding_VD, *_ = drawn(4, 16)
    labels_N = torch.tensor([3, 16, -100, 1 << 40])
    wrong = losses.of_labels(labels_N, -100, torch.float64)
    losses_N, _ = launch.cross_entropy(
        by_definition.logits(hidden_ND, unembedding_VD, None).detach(), wrong, Shape(), True, torch.float64
    )
    assert losses_N.isnan().tolist() == [False, True, False, True]
    found_N = launch.log_probs(hidden_ND.detach(), unembedding_VD.detach(), labels_N, None)
    assert found_N.isnan().tolist() == [False, True, True, True]
