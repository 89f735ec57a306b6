"""Triton's kernels of attention on tensors: room for what they write, their tiles, their grids.

B rows, H query heads, G key-value heads, T positions, K channels of a head.
"""

from __future__ import annotations

from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor
from triton.tools.tensor_descriptor import TensorDescriptor

from .. import choose
from . import kernel
from .bands import Rule, wide
from .tiles import Tile, sides, tile


def forward(
    q: Tensor, k: Tensor, v: Tensor, first: Tensor | None, end: Tensor | None, rule: Rule
) -> tuple[Tensor, Tensor]:
    """Output [B, H, T, K] and lse [B, H, T]."""
    o, lse = _heads_last(q), q.new_empty(q.shape[:3], dtype=wide(q.dtype))
    shape = _tile("forward", q)
    q_, o_ = (_described(x, shape.queries) for x in (q, o))
    k_, v_ = (_described(x, shape.keys) for x in (k, v))
    constants = _constants(q, k, first, rule, shape)
    _run(kernel.forward, q, shape.queries, q_, k_, v_, o_, lse, first, end, *q.shape[1:3], **constants)
    return o, lse


def backward(
    do: Tensor,
    q: Tensor,
    k: Tensor,
    v: Tensor,
    o: Tensor,
    lse: Tensor,
    first: Tensor | None,
    end: Tensor | None,
    rule: Rule,
) -> tuple[Tensor, Tensor, Tensor]:
    """The gradients of q, k and v, each element written once."""
    do = do if _is_describable(do) else do.contiguous()
    delta = _dots(o, do)
    dq, dk, dv = _heads_last(q), _heads_last(k), _heads_last(v)
    rest = lse, delta
    bounds = first, end, *q.shape[1:3]

    shape = _tile("backward_queries", q)
    q_, do_, dq_ = (_described(x, shape.queries) for x in (q, do, dq))
    k_, v_ = (_described(x, shape.keys) for x in (k, v))
    constants = _constants(q, k, first, rule, shape)
    _run(kernel.backward_queries, q, shape.queries, q_, k_, v_, do_, *rest, dq_, *bounds, **constants)

    for side in sides(_width(q)):
        shape = _tile(f"backward_{side}", q)
        q_, do_ = (_described(x, shape.queries) for x in (q, do))
        k_, v_, dk_, dv_ = (_described(x, shape.keys) for x in (k, v, dk, dv))
        constants = _constants(q, k, first, rule, shape)
        constants |= {"KEYS": side != "values", "VALUES": side != "keys"}
        _run(kernel.backward_keys, k, shape.keys, q_, k_, v_, do_, *rest, dk_, dv_, *bounds, **constants)
    return dq, dk, dv


def _dots(o: Tensor, do: Tensor) -> Tensor:
    """Each position's output times its gradient, summed: [B, H, T]."""
    delta_BHT = o.new_empty(o.shape[:3], dtype=wide(o.dtype))
    shape = _tile("dots", o)
    o_, do_ = (_described(x, shape.queries) for x in (o, do))
    constants = {"WIDTH": _width(o), "M": shape.queries, **_numbers(o), **_warps(shape)}
    _run(kernel.dots, o, shape.queries, o_, do_, delta_BHT, *o.shape[1:3], **constants)
    return delta_BHT


def _run(function: Any, x_BHTK: Tensor, step: int, *arguments: Any, **constants: Any) -> None:
    """One program for each tile of positions of each head of each row."""
    rows, heads, size, _ = x_BHTK.shape
    with torch.cuda.device_of(x_BHTK):
        function[(triton.cdiv(size, step) * rows * heads,)](*arguments, **constants)


def _tile(name: str, q: Tensor) -> Tile:
    return tile(name, _width(q), interpreted=choose.machine(q.device).interpreted)


def _width(q: Tensor) -> int:
    return max(16, triton.next_power_of_2(q.shape[3]))


def _numbers(q: Tensor) -> dict[str, Any]:
    """In which numbers to add; and bf16 as fp32 under the interpreter, which takes it for whole numbers."""
    return {
        "ACC": tl.float64 if q.dtype == torch.float64 else tl.float32,
        "UPCAST": q.dtype == torch.bfloat16 and choose.machine(q.device).interpreted,
    }


def _warps(shape: Tile) -> dict[str, int]:
    return {"num_warps": shape.warps, "num_stages": shape.stages}


def _constants(q: Tensor, k: Tensor, first: Tensor | None, rule: Rule, shape: Tile) -> dict[str, Any]:
    return {
        "SHARE": q.shape[1] // k.shape[1],
        "SCALE": rule.scale,
        "CAP": rule.cap or 0.0,
        "WINDOW": rule.window or 0,
        "CAUSAL": rule.causal,
        "DOCUMENTS": first is not None,
        "WIDTH": _width(q),
        "M": shape.queries,
        "N": shape.keys,
        "PRECISION": "ieee",
        **_numbers(q),
        **_warps(shape),
    }


def _heads_last(x_BHTK: Tensor) -> Tensor:
    """Heads last but one in memory, as projections read and write them."""
    rows, heads, size, width = x_BHTK.shape
    return x_BHTK.new_empty(rows, size, heads, width).transpose(1, 2)


def _described(x_BHTK: Tensor, step: int) -> TensorDescriptor:
    """A tensor as the hardware's copy engine takes it: rows at multiples of 16 bytes, else a copy."""
    if not _is_describable(x_BHTK):
        x_BHTK = x_BHTK.contiguous()
    strides = [_stride(size, stride) for size, stride in zip(x_BHTK.shape, x_BHTK.stride(), strict=True)]
    return TensorDescriptor(x_BHTK, [*x_BHTK.shape], [*strides[:-1], 1], [1, 1, step, _width(x_BHTK)])


def _is_describable(x_BHTK: Tensor) -> bool:
    *sizes, last = zip(x_BHTK.shape, x_BHTK.stride(), strict=True)
    apart = [_stride(*one) * x_BHTK.element_size() for one in sizes]
    return last[1] == 1 and x_BHTK.data_ptr() % 16 == 0 and all(b > 0 and b % 16 == 0 for b in apart)


def _stride(size: int, stride: int) -> int:
    """Of what there is only one of, nobody steps to the next, and torch lets its stride be anything."""
    return stride if size > 1 else 16
