"""The kernels as they are launched: those of attention recorded from the launch itself, those of the losses by hand."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any
from unittest import mock

import torch
import triton.language as tl
from torch import Tensor
from triton.tools.tensor_descriptor import TensorDescriptor

from hopper.compiled import Case
from lehr.kernels import choose
from lehr.kernels.attention import launch as attention
from lehr.kernels.attention.bands import Rule
from lehr.kernels.cross_entropy import launch as losses
from lehr.kernels.distill import launch as distill

HOPPER = choose.Machine("cuda", (9, 0), "3.9.0")
TYPES = {torch.bfloat16: "bf16", torch.float16: "fp16", torch.float32: "fp32", torch.int32: "i32"}


# ---- attention ------------------------------------------------------------------------------


def of_attention(
    width: int,
    dtype: torch.dtype = torch.bfloat16,
    *,
    causal: bool = True,
    documents: bool = False,
    window: int | None = None,
    cap: float | None = None,
    heads: int = 4,
    groups: int = 2,
    size: int = 128,
) -> list[Case]:
    """Forward, dots, and each launch of the backward pass."""
    q, o = (torch.zeros(1, size, heads, width, dtype=dtype).transpose(1, 2) for _ in range(2))
    k, v = (torch.zeros(1, size, groups, width, dtype=dtype).transpose(1, 2) for _ in range(2))
    bounds = (torch.zeros(1, size, dtype=torch.int32),) * 2 if documents else (None, None)
    rule = Rule(causal, width**-0.5, window, cap)
    told = [f"{width} channels", TYPES[dtype], "causal" if causal else "both ways"]
    told += (
        ["one position"] * (size == 1)
        + ["packed"] * documents
        + ["window"] * (window is not None)
        + ["cap"] * (cap is not None)
    )
    cases: list[Case] = []

    def record(function: Any, x: Tensor, step: int, *arguments: Any, **constants: Any) -> None:
        cases.append(_recorded(", ".join(told), function, arguments, constants))

    recording = mock.patch.object(attention, "_run", record)
    with recording, mock.patch.object(choose, "machine", return_value=HOPPER):
        attention.forward(q, k, v, *bounds, rule)
        lse_BHT = torch.zeros(q.shape[:3])
        attention.backward(o, q, k, v, o, lse_BHT, *bounds, rule)
    return cases


def _recorded(told: str, function: Any, arguments: tuple[Any, ...], constants: dict[str, Any]) -> Case:
    types: dict[str, str] = {}
    options = {name: constants.pop(name) for name in ("num_warps", "num_stages")}
    for name, value in zip(function.arg_names, arguments, strict=False):
        if value is None or (isinstance(value, int) and value == 1):  # as Triton takes them
            constants[name] = value
        else:
            types[name] = _type(value)
    sides = [name for name in ("KEYS", "VALUES") if not constants.get(name, True)]
    name = " ".join([function.__name__, *(f"without {side.lower()}" for side in sides)])
    products = function.__name__ != "dots"
    constants["ACC"] = {tl.float32: "fp32", tl.float64: "fp64"}[constants["ACC"]]
    return Case(f"{name}: {told}", "attention.kernel", function.__name__, types, constants, options, products)


def _type(value: Any) -> str:
    match value:
        case TensorDescriptor():
            return f"tensordesc<{TYPES[value.base.dtype]}{value.block_shape}>"
        case Tensor():
            return f"*{TYPES[value.dtype]}!"
        case _:
            return "i32"


def every_attention() -> Iterator[Case]:
    """Every head size, direction, window, cap and packing in bf16; in fp16 the least and the most; rows of one."""
    ways = [(True, None), (True, 1024), (False, None)]
    for width in (64, 128, 256):
        for (causal, window), documents, cap in product(ways, (False, True), (None, 50.0)):
            yield from of_attention(width, causal=causal, documents=documents, window=window, cap=cap)
        yield from of_attention(width, torch.float16)
        yield from of_attention(width, torch.float16, documents=True, window=1024, cap=50.0)
        yield from of_attention(width, documents=True, heads=1, groups=1, size=1)


# ---- losses ---------------------------------------------------------------------------------

ROW = {"vocab": "i32!", "cap": "fp32", "inverse_temperature": "fp32", "weights": "*fp32!", "losses": "*fp32!"}
ENTROPY = ROW | {
    "logits": "*fp32!",
    "gradients": "*bf16!",
    "ids": "*i64!",
    "shares": "*fp32!",
    "targets": "i32",
    "logits_row": "i64!",
    "gradients_row": "i64!",
    "z_loss": "fp32",
}
DIVERGENCE = ROW | {
    "student": "*fp32!",
    "teacher": "*fp32!",
    "gradients": "*bf16!",
    "student_row": "i64!",
    "teacher_row": "i64!",
    "gradients_row": "i64!",
    "teacher_cap": "fp32",
    "beta": "fp32",
}
SUMS = {
    "ids": "*i64!",
    "tops": "*fp32!",
    "totals": "*fp32!",
    "picked": "*fp32!",
    "tokens": "i32",
    "vocab": "i32!",
    "width": "i32!",
    "hidden_row": "i32!",
    "unembedding_row": "i32!",
    "cap": "fp32",
}


def of_cross_entropy(k: int, remainder: bool, *, capped: bool = True, wants: bool = True) -> Case:
    constants = {"K": k, "BLOCK": losses.BLOCK, "CAPPED": capped, "REMAINDER": remainder, "WANTS": wants}
    name = f"cross_entropy_rows: {k} targets{' and a remainder' * remainder}{_told(capped, wants)}"
    options = {"num_warps": losses.WARPS}
    return Case(name, "cross_entropy.kernel", "cross_entropy_rows", ENTROPY, constants, options)


def of_divergence(kind: str, *, capped: bool = True, wants: bool = True) -> Case:
    constants = {"BLOCK": distill.BLOCK, "CAPPED": capped, "TEACHER_CAPPED": capped, "KIND": kind}
    constants |= {"TINY": 2**-126, "WANTS": wants}
    name = f"divergence_rows: {kind}{_told(capped, wants)}"
    options = {"num_warps": distill.WARPS}
    return Case(name, "distill.kernel", "divergence_rows", DIVERGENCE, constants, options)


def _told(capped: bool, wants: bool) -> str:
    return ", cap" * capped + ", no gradient" * (not wants)


def of_log_sums(dtype: str) -> Case:
    tile = losses.SMALL if dtype == "fp32" else losses.TILE
    constants = {"CAPPED": True, "WIDE": "fp32", "UPCAST": False, "hidden_column": 1, "unembedding_column": 1}
    types = SUMS | {"hidden": f"*{dtype}!", "unembedding": f"*{dtype}!"}
    options = {"num_warps": 8, "num_stages": 3}
    constants |= tile
    return Case(
        f"log_sums: {dtype}", "cross_entropy.kernel", "log_sums", types, constants, options, dtype != "fp32"
    )


def every_loss() -> Iterator[Case]:
    for capped, wants in product((True, False), repeat=2):
        for k, remainder in ((1, False), (2, False), (64, True)):
            yield of_cross_entropy(k, remainder, capped=capped, wants=wants)
        for kind in ("forward", "reverse", "jensen_shannon"):
            yield of_divergence(kind, capped=capped, wants=wants)
    yield from (of_log_sums(dtype) for dtype in ("bf16", "fp16", "fp32"))
