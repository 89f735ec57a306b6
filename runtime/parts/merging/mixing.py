"""Merges in which every tensor is moved along straight lines: linear, moving averages, SLERP.

All come down to `start + sum_i c_i (x_i - start)`: what differs is where they start and how the c are found.
Differences, not weights, are scaled: models that agree come out as they went in, to the last bit.

`gram` holds the scalar products of task vectors, M by M.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from typing import Literal

import torch
from torch import Tensor

from .sources import TILE, Source, tiles

_PARALLEL = 1e-8
"""A sine below which two directions are one, and the great circle between them is a straight line."""


def linear(models: Sequence[Source], weights: Sequence[float], name: str) -> Iterator[Tensor]:
    """sum_i w_i x_i with weights that add up to 1, from the model that weighs most."""
    first = max(range(len(models)), key=weights.__getitem__)
    for pieces in tiles(models, name):
        yield _moved(pieces.pop(first), pieces, [*weights[:first], *weights[first + 1 :]])


def task(
    models: Sequence[Source], base: Source | None, shares: Sequence[float], name: str
) -> Iterator[Tensor]:
    """base + sum_i c_i (x_i - base); without a base, sum_i c_i x_i."""
    for pieces in tiles([*models, *([base] if base else [])], name):
        start = pieces.pop() if base else torch.zeros_like(pieces[0])
        yield _moved(start, pieces, shares)


def moving_average(models: int, rate: float) -> list[float]:
    """The weights of a_0 = x_0, a_i = (1 - r) a_{i-1} + r x_i after the last model."""
    return [(rate if place else 1.0) * (1 - rate) ** (models - 1 - place) for place in range(models)]


# ---- angles ------------------------------------------------------------------------


def group(name: str, per: Literal["tensor", "layer", "whole"]) -> str:
    """What a tensor is measured together with.  Tensors of no layer, such as embeddings, stand alone."""
    if per == "whole":
        return "all"
    layer = re.match(r"model\.layers\.\d+(?=\.)", name)
    return layer[0] if layer and per == "layer" else name


def gram(models: Sequence[Source], base: Source | None, name: str) -> Tensor:
    """<x_i - base, x_j - base> over a tensor, in fp64."""
    total = torch.zeros(len(models), len(models), dtype=torch.float64)
    wide = torch.empty(len(models), TILE, dtype=torch.float64)
    for pieces in tiles([*models, *([base] if base else [])], name):
        start = pieces.pop() if base else None
        deltas = wide[:, : len(pieces[0])]
        for row, piece in zip(deltas, pieces, strict=True):
            row.copy_(piece)
            if start is not None:
                row.sub_(start)
        total += deltas @ deltas.T
    return total


def slerp(gram: Tensor, weights: Sequence[float]) -> tuple[list[float], list[float]]:
    """Each task vector's share of their spherical mean, and the cosines met on the way.

    Two vectors d_1, d_2 at an angle W meet at sin((1 - l) W) / sin W d_1 + sin(l W) / sin W d_2 (Shoemake 1985);
    of more, the mean of the first m - 1 is taken on to the m-th with l = w_m / (w_1 + ... + w_m), which is 1 / m where
    weights are even (WARP, Ramé et al. 2024, section 3.2 and appendix B).  What comes out depends on the order.
    """
    shares, cosines, total = torch.zeros(len(weights), dtype=torch.float64), list[float](), weights[0]
    shares[0] = 1.0
    for place in range(1, len(weights)):
        total += weights[place]
        part = weights[place] / total if total else 0.0
        lengths = math.sqrt(max(0.0, float(shares @ gram @ shares)) * float(gram[place, place]))
        cosine = max(-1.0, min(1.0, float(shares @ gram[place]) / lengths)) if lengths else None
        old, new = _on_the_circle(cosine, part)
        shares *= old
        shares[place] = new
        cosines += [cosine] if cosine is not None else []
    return shares.tolist(), cosines


def by_angle(
    models: Sequence[Source],
    base: Source | None,
    weights: Sequence[float],
    per: Literal["tensor", "layer", "whole"],
) -> tuple[dict[str, list[float]], list[float]]:
    """The shares of each tensor, and every cosine that was met.  Reads all models once."""
    grams: dict[str, Tensor] = {}
    for name in models[0].held:
        found = gram(models, base, name)
        grams[key] = grams[key] + found if (key := group(name, per)) in grams else found
    means = {key: slerp(one, weights) for key, one in grams.items()}
    shares = {name: means[group(name, per)][0] for name in models[0].held}
    return shares, [cosine for _, cosines in means.values() for cosine in cosines]


def _on_the_circle(cosine: float | None, part: float) -> tuple[float, float]:
    """How much of two vectors is at `part` of the way between them; a vector of no length has no angle."""
    angle = math.acos(cosine) if cosine is not None else 0.0
    if math.sin(angle) < _PARALLEL:
        return 1 - part, part
    return math.sin((1 - part) * angle) / math.sin(angle), math.sin(part * angle) / math.sin(angle)


def _moved(start: Tensor, pieces: Sequence[Tensor], shares: Sequence[float]) -> Tensor:
    """start + sum_i c_i (x_i - start), in place: `start` is rounded once."""
    moved: Tensor | None = None
    for piece, share in zip(pieces, shares, strict=True):
        piece.sub_(start)
        moved = piece.mul_(share) if moved is None else moved.add_(piece, alpha=share)
    return start if moved is None else start.add_(moved)
