"""Attention beside torch's flash attention, FlexAttention, a mask, and plain operations that torch compiles.

B rows, H query heads, G key-value heads, T positions, K channels of a head.  The shapes are those of Llama 3.1 8B,
of 16 documents packed into a row, and of Gemma 2 2B.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.functional import scaled_dot_product_attention as sdpa

from gpu.race import OURS, Race, Target, Told, Way, Where, distance
from lehr.kernels.attention import reference
from lehr.kernels.attention.op import Packing, attention

Inputs = tuple[Tensor, Tensor, Tensor]
PLAIN = Packing()


def races(where: Where) -> Iterator[Race]:
    """One after another, so that only one's tensors are there at a time."""
    for shape in [(4, 32, 8, 4096, 128), (1, 32, 8, 32_768, 128)] if where.real else [(1, 2, 1, 40, 32)]:
        yield forward(where, shape)
        yield backward(where, shape)
    yield packed(where, *((1, 32, 8, 32_768, 128), 2048) if where.real else ((1, 2, 1, 40, 32), 10))
    yield capped(where, (2, 8, 4, 8192, 256) if where.real else (1, 2, 1, 40, 32))


def forward(where: Where, shape: tuple[int, ...]) -> Race:
    q, k, v = drawn(where, shape)
    targets = (
        Target("attention forward, SDPA flash / ours", "SDPA flash", 1.25),
        Target("attention forward, FlexAttention / ours", "FlexAttention", 1.05),
    )
    ways: dict[str, Way] = {
        OURS: lambda: attention(q, k, v, PLAIN),
        "SDPA flash": partial(pinned, SDPBackend.FLASH_ATTENTION, q, k, v),
        "SDPA cuDNN": partial(pinned, SDPBackend.CUDNN_ATTENTION, q, k, v),
        "FlexAttention": flex(where, q, k, v),
    }
    return Race(Told("attention forward, causal", told(shape), targets), ways, error(where, shape[-1]))


def backward(where: Where, shape: tuple[int, ...]) -> Race:
    inputs = drawn(where, shape, gradients=True)
    upstream = torch.randn_like(inputs[0])

    def back(look: Callable[[], Tensor]) -> Way:
        made: list[Tensor] = []

        def way() -> object:
            if not made:
                made.append(look())
            return torch.autograd.grad(made[0], inputs, upstream, retain_graph=True)

        return way

    ways: dict[str, Way] = {
        OURS: back(lambda: attention(*inputs, PLAIN)),
        "SDPA flash": back(partial(pinned, SDPBackend.FLASH_ATTENTION, *inputs)),
        "SDPA cuDNN": back(partial(pinned, SDPBackend.CUDNN_ATTENTION, *inputs)),
    }
    targets = (Target("attention backward, SDPA flash / ours", "SDPA flash", 1.0),)
    return Race(Told("attention backward, causal", told(shape), targets), ways, error(where, shape[-1]))


def packed(where: Where, shape: tuple[int, ...], document: int) -> Race:
    inputs = drawn(where, shape, gradients=True)
    documents_BT = (torch.arange(shape[3], device=where.device) // document).expand(shape[0], -1)
    packing = Packing.of(documents_BT)
    mask = packing.visible(shape[3], None, where.device)
    _, heads, groups, *_ = shape

    def masked() -> Tensor:
        """Heads repeated first: with a mask torch has no fast kernel for grouped ones."""
        q, k, v = inputs
        k, v = (x.repeat_interleave(heads // groups, 1) for x in (k, v))
        return sdpa(q, k, v, attn_mask=mask)

    ways = {
        OURS: there_and_back(lambda: attention(*inputs, packing), inputs),
        "SDPA, mask": there_and_back(masked, inputs),
    }
    targets = (Target("packed documents, SDPA with a mask / ours", "SDPA, mask", 8.0),)
    title = f"attention in documents of {document}, both ways"
    return Race(Told(title, told(shape), targets), ways, error(where, shape[-1], document=7))


def capped(where: Where, shape: tuple[int, ...], cap: float = 50.0) -> Race:
    inputs = drawn(where, shape, gradients=True)
    seen = PLAIN.visible(shape[3], None, where.device)

    def eager(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        scores = reference.scores(q, k, None, cap).masked_fill(~seen, -torch.inf)
        return scores.softmax(-1) @ reference.shared(v, q)

    compiled = where.compiled(eager)
    ways = {
        OURS: there_and_back(lambda: attention(*inputs, PLAIN, cap=cap), inputs),
        "eager, compiled": there_and_back(lambda: compiled(*inputs), inputs),
    }
    targets = (Target("soft cap, compiled eager / ours", "eager, compiled", 5.0),)
    title = "attention with a soft cap, both ways"
    return Race(Told(title, told(shape), targets), ways, error(where, shape[-1], cap=cap))


def drawn(where: Where, shape: tuple[int, ...], *, gradients: bool = False) -> Inputs:
    """Heads last but one in memory, as projections have them."""
    rows, heads, groups, size, width = shape
    q, k, v = (where.randn(rows, size, count, width).transpose(1, 2) for count in (heads, groups, groups))
    return q.requires_grad_(gradients), k.requires_grad_(gradients), v.requires_grad_(gradients)


def told(shape: tuple[int, ...]) -> str:
    return ", ".join(f"{name} {number}" for name, number in zip("BHGTK", shape, strict=True))


def there_and_back(look: Callable[[], Tensor], inputs: Inputs) -> Way:
    return lambda: torch.autograd.grad(look().sum(), inputs)


def pinned(backend: SDPBackend, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """torch's attention with one backend and no other, for "SDPA" alone is any of four."""
    with sdpa_kernel([backend]):
        return sdpa(q, k, v, is_causal=True, enable_gqa=True)


def flex(where: Where, q: Tensor, k: Tensor, v: Tensor) -> Way:
    from torch.nn.attention.flex_attention import create_block_mask, flex_attention

    def causal(b: Tensor, h: Tensor, query: Tensor, key: Tensor) -> Tensor:
        return query >= key

    size = q.shape[2]
    block_mask = create_block_mask(causal, None, None, size, size, device=str(where.device))
    run: Any = where.compiled(flex_attention)
    return lambda: run(q, k, v, block_mask=block_mask, enable_gqa=True)


def error(
    where: Where, width: int, document: int | None = None, cap: float | None = None
) -> Callable[[], float]:
    """Outputs and gradients of ours in tiles of every kind, beside the definition in fp64."""

    def away() -> float:
        inputs = drawn(where, (2, 4, 2, 300, width) if where.real else (1, 2, 1, 40, width), gradients=True)
        at_T = torch.arange(inputs[0].shape[2], device=where.device)
        documents_BT = (at_T // document if document else at_T * 0).expand(len(inputs[0]), -1)
        ours = attention(*inputs, Packing.of(documents_BT), cap=cap)
        exact = [x.detach().double().requires_grad_() for x in inputs]
        theirs = reference.attention(*exact, documents_BT, cap=cap)
        upstream = torch.randn_like(ours)
        mine = torch.autograd.grad(ours, inputs, upstream)
        others = torch.autograd.grad(theirs, exact, upstream.double())
        return distance([ours, *mine], [theirs, *others])

    return away
