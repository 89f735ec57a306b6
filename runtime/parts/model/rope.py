"""Rotary position embedding (Su et al. 2021), halves rotated as Hugging Face lays them out, and its stretches.

T positions, K channels of a head, F = K / 2 frequencies.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from ....compiler.plan.model import RopeScaling


@dataclass(frozen=True, eq=False)
class Rotation:
    """Cosines and sines of the positions at hand, in fp32: [T, K]; the first half's sines are negated."""

    cos_TK: Tensor
    sin_TK: Tensor

    def turn(self, x_BHTK: Tensor) -> Tensor:
        """Rotate channel i with channel i + K/2 by position * frequency i."""
        if torch.compiler.is_compiling():  # what it can look into becomes one loop
            return _turned(x_BHTK, self.cos_TK, self.sin_TK)
        return _Turn.apply(x_BHTK, self.cos_TK, self.sin_TK)  # pyright: ignore[reportReturnType]

    def part(self, start: int, end: int) -> Rotation:
        return Rotation(self.cos_TK[start:end], self.sin_TK[start:end])

    def at(self, positions_B: Tensor) -> Rotation:
        """Of one position of each row: [B, 1, 1, K]."""
        return Rotation(self.cos_TK[positions_B][:, None, None], self.sin_TK[positions_B][:, None, None])


class _Turn(torch.autograd.Function):
    """A turn whose gradient is turned back: autograd alone would take twice as many passes over memory."""

    @staticmethod
    def forward(ctx: Any, x_BHTK: Tensor, cos_TK: Tensor, sin_TK: Tensor) -> Tensor:
        ctx.save_for_backward(cos_TK, sin_TK)
        return _turned(x_BHTK, cos_TK, sin_TK)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        cos_TK, sin_TK = ctx.saved_tensors
        return _turned(gradients[0], cos_TK, -sin_TK), None, None


def _turned(x_BHTK: Tensor, cos_TK: Tensor, sin_TK: Tensor) -> Tensor:
    turned_BHTK = x_BHTK * cos_TK
    turned_BHTK += x_BHTK.roll(x_BHTK.shape[-1] // 2, -1) * sin_TK
    return turned_BHTK.to(x_BHTK.dtype)


@lru_cache(maxsize=8)
def rotation(
    positions: int,
    head_dim: int,
    base: float,
    scaling: RopeScaling | None = None,
    device: torch.device | None = None,
) -> Rotation:
    """The rotation of positions 0 … `positions` - 1; angles in fp64, cosines and sines in fp32."""
    angles_TF = torch.outer(
        torch.arange(positions, dtype=torch.float64), frequencies(head_dim, base, scaling)
    )
    length = magnitude(scaling)
    cos_TF, sin_TF = (length * angles_TF.cos()).float(), (length * angles_TF.sin()).float()
    cos_TK, sin_TK = torch.cat((cos_TF, cos_TF), -1), torch.cat((-sin_TF, sin_TF), -1)
    return Rotation(cos_TK.to(device), sin_TK.to(device))


def frequencies(head_dim: int, base: float, scaling: RopeScaling | None = None) -> Tensor:
    """Radians per position of each pair of channels, base^(-2i/K), stretched as `scaling` says: fp64 [F]."""
    plain_F = base ** (-torch.arange(0, head_dim, 2, dtype=torch.float64) / head_dim)
    if scaling is None:
        return plain_F
    match scaling.method:
        case "linear":
            keep_F = torch.zeros_like(plain_F)
        case "llama3":
            keep_F = _kept_by_wavelength(plain_F, scaling)
        case "yarn":
            keep_F = _kept_by_channel(head_dim, base, scaling)
    return keep_F * plain_F + (1 - keep_F) * plain_F / scaling.factor


def magnitude(scaling: RopeScaling | None) -> float:
    """YaRN's factor on cosines and sines, so that scores grow by its square (Peng et al. 2023, section 3.4)."""
    return 0.1 * math.log(scaling.factor) + 1 if scaling and scaling.method == "yarn" else 1.0


def _kept_by_wavelength(plain_F: Tensor, scaling: RopeScaling) -> Tensor:
    """Llama 3.1: what turns more than `high` times within the old context stays, less than `low` times is
    stretched whole, and between them a straight line in the number of turns."""
    low, high = scaling.low or 1.0, scaling.high or 4.0
    turns_F = scaling.original * plain_F / (2 * math.pi)
    return ((turns_F - low) / (high - low)).clamp(0, 1)


def _kept_by_channel(head_dim: int, base: float, scaling: RopeScaling) -> Tensor:
    """YaRN: a straight line in the channel, between those that turn `high` and `low` times in the old context.

    Both ends are rounded outwards to whole channels, as the authors' code does.
    """

    def channel(turns: float) -> float:
        return head_dim * math.log(scaling.original / (turns * 2 * math.pi)) / (2 * math.log(base))

    first = max(math.floor(channel(scaling.high or 32.0)), 0)
    last = min(math.ceil(channel(scaling.low or 1.0)), head_dim - 1)
    index_F = torch.arange(head_dim // 2, dtype=torch.float64)
    return 1 - ((index_F - first) / max(last - first, 0.001)).clamp(0, 1)
