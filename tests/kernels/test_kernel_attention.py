"""Attention: whichever way the door takes, it agrees with the reference, forward and backward."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from lehr.kernels.attention import reference
from lehr.kernels.attention.op import Packing, attention, attention_and_lse, decode


def drawn(rows: int, heads: int, groups: int, length: int, size: int = 8) -> tuple[Tensor, Tensor, Tensor]:
    source = torch.Generator().manual_seed(7)
    return tuple(  # type: ignore[return-value]
        torch.randn(rows, count, length, size, generator=source, dtype=torch.float64, requires_grad=True)
        for count in (heads, groups, groups)
    )


def agree(
    packing: Packing,
    documents_BT: Tensor,
    heads: int = 4,
    groups: int = 2,
    causal: bool = True,
    **features: Any,
) -> None:
    inputs = drawn(documents_BT.shape[0], heads, groups, documents_BT.shape[1])
    ours = attention(*inputs, packing, **features)
    theirs = reference.attention(*inputs, documents_BT, causal=causal, **features)
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-12)
    again, lse = attention_and_lse(*inputs, packing, **features)
    torch.testing.assert_close(again, theirs, rtol=0, atol=1e-12)
    lse_theirs = reference.lse(*inputs[:2], documents_BT, causal=causal, **features)
    torch.testing.assert_close(lse, lse_theirs.detach(), rtol=0, atol=1e-12)
    upstream = torch.randn_like(theirs)
    ours_back = torch.autograd.grad(ours, inputs, upstream)
    theirs_back = torch.autograd.grad(theirs, inputs, upstream)
    torch.testing.assert_close(ours_back, theirs_back, rtol=0, atol=1e-12)


ONE = torch.zeros(2, 9, dtype=torch.int64)
SHORT = torch.tensor([[0, 0, 1, 1, 1, 2, 3, 3, 3], [5, 5, 5, 5, 5, 5, 5, 5, 6]])
LONG = torch.arange(2).repeat_interleave(150).expand(2, 300)


@pytest.mark.parametrize("documents_BT", [ONE, SHORT, LONG], ids=["one a row", "short", "long"])
def test_the_door_agrees_with_the_reference(documents_BT: Tensor) -> None:
    agree(Packing.of(documents_BT), documents_BT)


@pytest.mark.parametrize("groups", [1, 2, 4])
def test_key_heads_are_shared_evenly(groups: int) -> None:
    agree(Packing.of(SHORT), SHORT, groups=groups)


def test_documents_of_like_length_run_together() -> None:
    """A short one is filled up with a place that is none."""
    assert Packing.of(ONE).groups == ()
    (short,) = Packing.of(SHORT).groups
    assert short.tolist()[:2] == [[9, 10, 11, 12, 13, 14, 15, 16], [2, 3, 4, *[18] * 5]]
    (long,) = Packing.of(LONG).groups
    assert long.shape == (4, 150)
    far = torch.tensor([[0] * 300 + [1] * 299 + [2] * 20 + [3] * 19])
    assert [tuple(group.shape) for group in Packing.of(far).groups] == [(2, 300), (2, 20)]
    assert [tuple(group.shape) for group in Packing.of(far, causal=False).groups] == [
        (1, 300),
        (1, 299),
        (1, 20),
        (1, 19),
    ]


@given(st.lists(st.lists(st.integers(0, 2), min_size=7, max_size=7), min_size=1, max_size=3), st.booleans())
def test_any_documents_agree(rows: list[list[int]], causal: bool) -> None:
    """Numbers may come back: then they are another document."""
    documents_BT = torch.tensor(rows)
    packing = Packing.of(documents_BT, causal=causal)
    agree(packing, documents_BT, causal=causal)
    agree(replace(packing, mask=None), documents_BT, causal=causal)
    torch.testing.assert_close(
        packing.visible(7, None, documents_BT.device).expand(len(rows), 1, 7, 7),
        reference.visible(documents_BT, causal=causal),
    )


def test_nothing_is_seen_of_other_documents_or_of_what_comes_later() -> None:
    q, k, v = drawn(2, 4, 2, 9)
    output = attention(q, k, v, Packing.of(SHORT))
    (gradient,) = torch.autograd.grad(output[0, :, 3].sum(), v)  # the second position of document 1
    assert gradient[0].abs().sum((0, 2)).nonzero().flatten().tolist() == [2, 3]
    assert gradient[1].count_nonzero() == 0


def test_decoding_a_position_gives_what_all_at_once_gives() -> None:
    q, k, v = drawn(2, 4, 2, 9)
    whole = attention(q, k, v, Packing())
    torch.testing.assert_close(decode(q[:, :, 8:], k, v), whole[:, :, 8:], rtol=0, atol=1e-12)


def test_shapes_that_do_not_fit_are_refused() -> None:
    q, k, v = drawn(2, 4, 2, 9)
    with pytest.raises(ValueError, match="3 query heads cannot share 2 key-value heads"):
        attention(q[:, :3], k, v, Packing())
    with pytest.raises(ValueError, match="shapes do not fit"):
        attention(q, k, v[:, :, :8], Packing())


FEATURES = [
    {"scale": 0.3},
    {"window": 1},
    {"window": 4},
    {"window": 400},
    {"cap": 2.0},
    {"scale": 0.3, "window": 3, "cap": 1.5},
]


@pytest.mark.parametrize("features", FEATURES, ids=str)
@pytest.mark.parametrize("documents_BT", [ONE, SHORT, LONG], ids=["one a row", "short", "long"])
def test_scale_window_and_cap_agree_with_the_reference(
    documents_BT: Tensor, features: dict[str, Any]
) -> None:
    agree(Packing.of(documents_BT), documents_BT, **features)


@pytest.mark.parametrize("features", FEATURES, ids=str)
def test_decoding_sees_the_same_window_scale_and_cap(features: dict[str, Any]) -> None:
    q, k, v = drawn(2, 4, 2, 9)
    whole = attention(q, k, v, Packing(), **features)
    last = decode(q[:, :, 8:], k, v, **features)
    torch.testing.assert_close(last, whole[:, :, 8:], rtol=0, atol=1e-12)


def test_a_window_is_what_transformers_calls_one() -> None:
    masking_utils = pytest.importorskip("transformers.masking_utils")
    inside = masking_utils.sliding_window_causal_mask_function(4)
    here_TT = torch.arange(9)[:, None], torch.arange(9)[None, :]
    torch.testing.assert_close(reference.visible(ONE, 4)[0, 0], inside(0, 0, *here_TT))


@pytest.mark.parametrize("wrong", [{"window": 0}, {"cap": 0.0}, {"cap": float("nan")}], ids=str)
def test_a_window_or_cap_that_shows_nothing_is_refused(wrong: dict[str, Any]) -> None:
    q, k, v = drawn(2, 4, 2, 9)
    with pytest.raises(ValueError, match=r"it counts|it is larger"):
        attention(q, k, v, Packing(), **wrong)
