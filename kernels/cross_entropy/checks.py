"""What a door of a loss looks at before anything is computed.  The letters name what came and what was expected."""

from __future__ import annotations

import math

import torch
from torch import Tensor

DTYPES = (torch.bfloat16, torch.float16, torch.float32, torch.float64)


def last_layer(hidden_ND: Tensor, unembedding_VD: Tensor, who: str = "") -> None:
    """Hidden states and an unembedding that fit together; `who` says whose, where there are two."""
    names = (f"{who}hidden", f"{who}unembedding")
    for name, tensor in zip(names, (hidden_ND, unembedding_VD), strict=True):
        if tensor.dtype not in DTYPES:
            raise TypeError(f"{name}: got {tensor.dtype}, expected bf16, fp16, fp32 or fp64")
        if tensor.device.type not in ("cpu", "cuda", "meta"):
            raise ValueError(f"{name}: got a tensor on {tensor.device}, expected one on a CPU or on CUDA")
    if hidden_ND.dim() != 2 or unembedding_VD.dim() != 2 or hidden_ND.shape[1] != unembedding_VD.shape[1]:
        got = f"{tuple(hidden_ND.shape)} and {tuple(unembedding_VD.shape)}"
        raise ValueError(f"{names[0]} and {names[1]}: got {got}, expected [N, D] and [V, D]")
    if 0 in unembedding_VD.shape:
        raise ValueError(f"{names[1]}: got {tuple(unembedding_VD.shape)}, expected no empty dimension")
    if hidden_ND.dtype != unembedding_VD.dtype:
        raise TypeError(f"{names[1]}: got {unembedding_VD.dtype}, expected {hidden_ND.dtype} as {names[0]}")
    same_device(names[1], unembedding_VD, hidden_ND)


def tokens(name: str, ids_N: Tensor, hidden_ND: Tensor, vocab: int, ignore: int | None) -> None:
    """Whole numbers, one a token (or K a token), within the vocabulary.

    Only a CPU looks at the numbers: to look at them on a GPU would wait for it.  There a number outside
    reads nothing and makes the loss NaN.
    """
    if ids_N.dtype not in (torch.int32, torch.int64):
        raise TypeError(f"{name}: got {ids_N.dtype}, expected int32 or int64")
    if ids_N.shape[:1] != hidden_ND.shape[:1]:
        raise ValueError(f"{name}: got {ids_N.shape[0]} of them, expected {hidden_ND.shape[0]}, one a token")
    same_device(name, ids_N, hidden_ND)
    if ids_N.device.type != "cpu" or torch.compiler.is_compiling():
        return
    strange = (ids_N < 0) | (ids_N >= vocab)
    if ignore is not None:
        strange &= ids_N != ignore
    if strange.any():
        expected = f"0 to {vocab - 1}" + ("" if ignore is None else f" or {ignore}")
        raise ValueError(f"{name}: got {int(ids_N[strange][0])}, expected {expected}")


def distinct(name: str, ids_NK: Tensor, weights_N: Tensor) -> None:
    """No entry twice for a token that counts; a GPU takes the caller's word, as above."""
    if ids_NK.device.type != "cpu" or torch.compiler.is_compiling():
        return
    sorted_NK = ids_NK[weights_N != 0].sort(1).values
    twice = sorted_NK[:, 1:] == sorted_NK[:, :-1]
    if twice.any():
        raise ValueError(
            f"{name}: got {int(sorted_NK[:, 1:][twice][0])} twice for a token, expected different ones"
        )


def positive(name: str, value: float | None) -> None:
    if value is not None and not (value > 0 and math.isfinite(value)):
        raise ValueError(f"{name}: got {value}, expected a finite number above 0")


def within(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise ValueError(f"{name}: got {value}, expected a number from {low:g} to {high:g}")


def same_device(name: str, tensor: Tensor, hidden_ND: Tensor) -> None:
    if tensor.device != hidden_ND.device:
        raise ValueError(f"{name}: got a tensor on {tensor.device}, expected one on {hidden_ND.device}")
