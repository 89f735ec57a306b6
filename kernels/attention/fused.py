"""Attention as one operation of torch, `lehr::attention`, with a backward of its own.

`torch.compile`, FSDP and FLOP counters see the operation and not what is in it: Triton's
kernels on a GPU, bands of queries on the CPU.

B rows, H query heads, G key-value heads, T positions, K channels of a head.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.utils.flop_counter import register_flop_formula

from .. import choose
from . import groups as by_group
from .bands import Rule, wide

_SIGNATURE = "Tensor? first, Tensor? end, Tensor[] groups, bool causal, float scale, int? window, float? cap"


@torch.library.custom_op(
    "lehr::attention",
    mutates_args=(),
    schema=f"(Tensor q, Tensor k, Tensor v, {_SIGNATURE}) -> (Tensor, Tensor)",
)
def attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    first: Tensor | None,
    end: Tensor | None,
    groups: list[Tensor],
    causal: bool,
    scale: float,
    window: int | None,
    cap: float | None,
) -> tuple[Tensor, Tensor]:
    """Output [B, H, T, K], and the natural logarithm of each softmax's denominator [B, H, T] in fp32 or wider."""
    rule = Rule(causal, scale, window, cap)
    if _is_on_triton(q):
        from . import launch

        return launch.forward(q, k, v, first, end, rule)
    o, lse = by_group.forward(q, k, v, groups, rule)
    return _heads_last(o), lse


@torch.library.custom_op(
    "lehr::attention_backward",
    mutates_args=(),
    schema=f"(Tensor do, Tensor q, Tensor k, Tensor v, Tensor o, Tensor lse, {_SIGNATURE})"
    " -> (Tensor, Tensor, Tensor)",
)
def attention_backward(
    do: Tensor,
    q: Tensor,
    k: Tensor,
    v: Tensor,
    o: Tensor,
    lse: Tensor,
    first: Tensor | None,
    end: Tensor | None,
    groups: list[Tensor],
    causal: bool,
    scale: float,
    window: int | None,
    cap: float | None,
) -> tuple[Tensor, Tensor, Tensor]:
    """The gradients of q, k and v.  There is no gradient through lse, and none of the second order."""
    rule = Rule(causal, scale, window, cap)
    if _is_on_triton(q):
        from . import launch

        return launch.backward(do, q, k, v, o, lse, first, end, rule)
    dq, dk, dv = by_group.backward(do, q, k, v, o, lse, groups, rule)
    return _heads_last(dq), _heads_last(dk), _heads_last(dv)


def _is_on_triton(q: Tensor) -> bool:
    here = choose.machine(q.device)
    return choose.attention(here, q.dtype, q.shape[-1], documents=True).implementation == "triton"


@attention.register_fake
def _(q: Tensor, *_: Any) -> tuple[Tensor, Tensor]:
    return _like(q), q.new_empty(q.shape[:3], dtype=wide(q.dtype))


@attention_backward.register_fake
def _(do: Tensor, q: Tensor, k: Tensor, v: Tensor, *_: Any) -> tuple[Tensor, Tensor, Tensor]:
    return _like(q), _like(k), _like(v)


def _like(x_BHTK: Tensor) -> Tensor:
    """Heads last but one in memory, as projections read and write them."""
    return torch.empty_like(x_BHTK.transpose(1, 2), memory_format=torch.contiguous_format).transpose(1, 2)


def _heads_last(x_BHTK: Tensor) -> Tensor:
    """What is promised to the compiler above; a copy only where torch chose otherwise."""
    return x_BHTK if x_BHTK.transpose(1, 2).is_contiguous() else _like(x_BHTK).copy_(x_BHTK)


def _save(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    q, k, v, first, end, groups, *ctx.rule = inputs
    ctx.save_for_backward(q, k, v, *output, first, end, *groups)
    ctx.mark_non_differentiable(output[1])
    ctx.set_materialize_grads(False)


def _back(ctx: Any, do: Tensor | None, _: None) -> tuple[Any, ...]:
    q, k, v, o, lse, first, end, *groups = ctx.saved_tensors
    nothing = (None, None, [None] * len(groups), None, None, None, None)
    if do is None:
        return None, None, None, *nothing
    return *attention_backward(do, q, k, v, o, lse, first, end, groups, *ctx.rule), *nothing


attention.register_autograd(_back, setup_context=_save)


@register_flop_formula(torch.ops.lehr.attention)
def _forward_flops(
    q: Any,
    k: Any,
    v: Any,
    first: Any,
    end: Any,
    groups: Any,
    causal: Any,
    scale: Any,
    window: Any,
    cap: Any,
    **_: Any,
) -> int:
    """Two products, of every query with every key within a window: counted as torch counts its own."""
    rows, heads, size, width = q
    return 4 * rows * heads * size * width * min(size, window or size)


@register_flop_formula(torch.ops.lehr.attention_backward)
def _backward_flops(do: Any, *rest: Any, **kwargs: Any) -> int:
    """Five products, as papers count: scores, the gradients of p, q, k and v."""
    q, k, v, _, _, *rule = rest
    return _forward_flops(q, k, v, *rule) * 5 // 2
