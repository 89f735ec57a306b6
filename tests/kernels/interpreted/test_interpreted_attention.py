"""Attention's kernels in fp64 against the reference, forward and backward, over shapes, windows, caps and cuts.

Tiles are 32 queries by 16 keys here, so that some tens of positions have tiles of every kind:
seen by all, on the left edge, on the right edge, beyond the end.
"""

from typing import Any

import pytest
import torch
import triton
import triton.language as tl
from torch import Tensor

from lehr.kernels import choose
from lehr.kernels.attention import kernel, reference
from lehr.kernels.attention.op import Packing, attention, attention_and_lse

CPU = torch.device("cpu")

pytestmark = pytest.mark.filterwarnings(
    "ignore:overflow encountered in exp2"
)  # of what is hidden, or of a tanh


def drawn(
    shape: tuple[int, int, int, int, int], dtype: torch.dtype = torch.float64, spread: float = 1.0
) -> tuple[Tensor, Tensor, Tensor]:
    """Inside of larger tensors full of NaN, heads last but one as projections have them."""
    rows, heads, groups, size, width = shape
    source = torch.Generator().manual_seed(7)

    def one(count: int) -> Tensor:
        around = torch.full((rows, size + 4, count, width + 16), torch.nan, dtype=dtype)
        inner = around[:, 2 : size + 2, :, :width]
        inner.copy_(spread * torch.randn(rows, size, count, width, generator=source, dtype=torch.float64))
        return inner.transpose(1, 2).requires_grad_()

    return one(heads), one(groups), one(groups)


def agree(
    inputs: tuple[Tensor, Tensor, Tensor],
    documents_BT: Tensor,
    limit: float,
    causal: bool = True,
    cancelling: float | None = None,
    **rule: Any,
) -> None:
    """`cancelling` is the limit of the gradients of queries and keys, where it is another one."""
    packing = Packing.of(documents_BT, causal=causal)
    o, lse = attention_and_lse(*inputs, packing, **rule)
    exact = [x.detach().double().requires_grad_() for x in inputs]
    theirs = reference.attention(*exact, documents_BT, causal=causal, **rule)
    lse_theirs = reference.lse(*exact[:2], documents_BT, causal=causal, **rule)
    upstream = torch.randn(theirs.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    ours_back = torch.autograd.grad(o, inputs, upstream.to(o.dtype))
    theirs_back = torch.autograd.grad(theirs, exact, upstream.to(o.dtype).double())
    close(o, theirs, limit)
    close(lse, lse_theirs, min(limit, 1e-6))
    limits = (cancelling or limit, cancelling or limit, limit)
    for ours, other, most in zip(ours_back, theirs_back, limits, strict=True):
        close(ours, other, most)


def close(ours: Tensor, theirs: Tensor, limit: float) -> None:
    """The distance of the two beside the size of what is right; a NaN is infinitely far."""
    away = (ours.double() - theirs).norm() / theirs.norm().clamp(min=1.0)
    assert away <= limit, f"{float(away):.1e}"


def cut(size: int, *lengths: int) -> Tensor:
    """Two rows, cut into documents at different places; what is left is the last document."""
    rows = [
        [number for number, length in enumerate(cuts) for _ in range(length)]
        for cuts in (lengths, lengths[::-1])
    ]
    return torch.tensor([(row + [99] * size)[:size] for row in rows])


def test_kernels_serve_here() -> None:
    here = choose.machine(CPU)
    assert here.interpreted
    assert choose.attention(here, torch.float64, 64).implementation == "triton"


SHAPES = [
    (1, 1, 1, 1, 16),
    (1, 2, 1, 33, 16),
    (2, 2, 2, 15, 8),
    (1, 4, 2, 35, 24),
    (1, 2, 2, 64, 64),
    (1, 1, 1, 17, 256),
]
RULES = [
    {"scale": 0.3},
    {"window": 1},
    {"window": 7},
    {"window": 40, "cap": 2.0},
    {"window": 70},
    {"cap": 3.0},
    {"causal": False},
    {"causal": False, "cap": 2.0},
]
CUTS = [cut(75, 5, 40), cut(75, 1, 1, 1, 60), cut(75, 32, 32), cut(75, 16, 3, 20, 30)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_shapes(shape: tuple[int, int, int, int, int]) -> None:
    agree(drawn(shape), torch.zeros(shape[0], shape[3]), 1e-12)


@pytest.mark.parametrize("rule", RULES, ids=str)
def test_windows_caps_and_directions(rule: dict[str, Any]) -> None:
    agree(drawn((1, 2, 1, 71, 16)), torch.zeros(1, 71), 1e-12, **rule)


@pytest.mark.parametrize("rule", [{}, {"window": 9, "cap": 3.0, "scale": 0.5}, {"causal": False}], ids=str)
@pytest.mark.parametrize("documents_BT", CUTS, ids=["5 40 30", "1 1 1 60 12", "32 32 11", "16 3 20 30 6"])
def test_documents(documents_BT: Tensor, rule: dict[str, Any]) -> None:
    agree(drawn((2, 1, 1, 75, 16)), documents_BT, 1e-12, **rule)


@pytest.mark.parametrize(
    ("dtype", "limit"), [(torch.float32, 2e-6), (torch.float16, 1e-3), (torch.bfloat16, 1e-2)], ids=str
)
def test_narrower_numbers(dtype: torch.dtype, limit: float) -> None:
    agree(drawn((2, 2, 1, 75, 32), dtype), CUTS[0], limit, window=40, cap=5.0)


@pytest.mark.parametrize(("spread", "cap"), [(100.0, None), (100.0, 50.0)])
def test_logits_of_ten_thousands(spread: float, cap: float | None) -> None:
    """A score is rounded by 1e4 x 2^-53 x sqrt(16) = 4e-12, and so wrong are weights, outputs and gradients of values.

    One key has all the weight, so a gradient of queries and keys is what rounding leaves of two numbers that cancel.
    Without a cap it is 1e-13 exactly. The two, dP and the dot of output and upstream, are some 1e3 and are
    multiplied with keys of norm 400 in 40 rows: 2^-52 x 1e3 x 400 x sqrt(40) = 6e-10. The same formula in
    numpy's fp64, without a kernel, is 1.7e-10 away from long doubles.
    """
    inputs = drawn((1, 1, 1, 40, 16), spread=spread)
    agree(inputs, torch.zeros(1, 40), 1e-11, cancelling=6e-10, scale=1.0, cap=cap)


def test_gradients_are_those_of_differences() -> None:
    inputs = drawn((1, 2, 1, 9, 16))
    packing = Packing.of(torch.tensor([[0, 0, 0, 1, 1, 1, 1, 1, 2]]))
    assert torch.autograd.gradcheck(
        lambda *x: attention(*x, packing, window=4, cap=2.0), inputs, fast_mode=True, atol=1e-6
    )


def test_nothing_is_seen_of_what_comes_later_or_of_other_documents() -> None:
    q, k, v = drawn((2, 1, 1, 75, 16))
    output = attention(q, k, v, Packing.of(CUTS[0]))
    gradients = torch.autograd.grad(output[0, :, 40].sum(), (k, v))
    for gradient in gradients:
        assert gradient[0].abs().sum((0, 2)).nonzero().flatten().tolist() == list(range(5, 41))
        assert gradient[1].count_nonzero() == 0


def test_two_runs_agree_to_the_bit() -> None:
    inputs = drawn((2, 2, 1, 20, 16), torch.float32)
    packing = Packing.of(cut(20, 5, 11))
    once, again = (
        torch.autograd.grad(attention(*inputs, packing, cap=3.0).square().sum(), inputs) for _ in range(2)
    )
    assert all(torch.equal(one, other) for one, other in zip(once, again, strict=True))


def test_a_gradient_that_is_one_number_everywhere() -> None:
    """`sum` hands down a number with a stride of 0, which no copy engine can describe."""
    q, k, v = drawn((1, 2, 1, 20, 16))
    ours = torch.autograd.grad(attention(q, k, v, Packing()).sum(), v)
    theirs = torch.autograd.grad(reference.attention(q, k, v, torch.zeros(1, 20)).sum(), v)
    torch.testing.assert_close(ours, theirs)


def test_a_row_without_positions_and_one_of_a_single_one() -> None:
    q, k, v = (x[:, :, :0] for x in drawn((1, 2, 1, 1, 16)))
    o, lse = attention_and_lse(q, k, v, Packing())
    assert (o.shape, lse.shape) == ((1, 2, 0, 16), (1, 2, 0))


def test_strides_of_what_there_is_one_of_are_nobodys() -> None:
    """torch lets them be anything, 0 and 3 among them, and calls such a tensor contiguous."""
    inputs = drawn((1, 1, 1, 20, 16))
    odd = [torch.as_strided(x, x.shape, (3, 0, *x.stride()[2:])) for x in inputs]
    torch.testing.assert_close(attention(*odd, Packing()), attention(*inputs, Packing()))


def test_the_operation_keeps_what_it_promises_to_torch() -> None:
    q, k, v = drawn((1, 2, 1, 20, 16))
    packing = Packing.of(torch.tensor([[0] * 7 + [1] * 13]))
    arguments = (q, k, v, packing.first_BT, packing.end_BT, [*packing.groups], True, 0.25, 9, 2.0)
    torch.library.opcheck(torch.ops.lehr.attention.default, arguments)


@triton.jit
def _probe(out_ptr, index, size):
    tl.store(out_ptr, kernel._offset(tl.program_id(0) + index, size))


def test_offsets_pass_32_bits() -> None:
    """The interpreter wraps around as a GPU does."""
    out = torch.zeros(1, dtype=torch.int64)
    _probe[(1,)](out, 131_071, 256_000)
    assert out.item() == 131_071 * 256_000
