"""Losses of the last layer beside Liger's, and beside the matrix products that no loss can do without.

N tokens, D width of the student, E of the teacher, V vocabulary: those of Gemma 2 2B taught by 9B, of a model of 2048
channels with 248 320 entries, and of the shapes that Liger times its own losses on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from gpu.race import FLOOR, OURS, Race, Target, Told, Way, Where, distance
from lehr.kernels.cross_entropy import op as entropy
from lehr.kernels.cross_entropy import reference as entropy_by_definition
from lehr.kernels.distill import op as distill
from lehr.kernels.distill import reference as distill_by_definition

LARGE = ((8192, 256_000, 2304, 3584), (16_384, 248_320, 2048, 4096))
TAUGHT = ((8192, 128_256, 2048, 4096), (8192, 128_256, 4096, 4096))
TINY = ((24, 80, 32, 48),)


@dataclass(frozen=True, slots=True)
class Layer:
    """Student, teacher and labels."""

    hidden_ND: Tensor
    unembedding_VD: Tensor
    teacher_NE: Tensor
    teacher_VE: Tensor
    labels_N: Tensor

    @classmethod
    def drawn(cls, where: Where, tokens: int, vocab: int, width: int, teacher: int) -> Layer:
        """Logits with a deviation of 2 come of it."""
        x, t = where.randn(tokens, width), where.randn(tokens, teacher)
        w, u = (where.randn(vocab, size, spread=2 * size**-0.5) for size in (width, teacher))
        labels = torch.randint(vocab, (tokens,), device=where.device)
        return cls(x.requires_grad_(), w.requires_grad_(), t, u, labels)

    @property
    def student(self) -> tuple[Tensor, Tensor]:
        return self.hidden_ND, self.unembedding_VD

    @property
    def both(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        return (*self.student, self.teacher_NE, self.teacher_VE)

    def back(self, loss: Callable[[], Tensor]) -> Way:
        return lambda: torch.autograd.grad(loss(), self.student)

    def exact(self) -> Layer:
        wide = (x.detach().double() for x in self.both)
        x, w, t, u = wide
        return Layer(x.requires_grad_(), w.requires_grad_(), t, u, self.labels_N)


def races(where: Where) -> Iterator[Race]:
    """One after another, so that only one's tensors are there at a time."""
    for shape in LARGE if where.real else TINY:
        yield cross_entropy(where, shape)
    for shape in TAUGHT if where.real else TINY:
        yield divergence(where, shape, "forward")
        yield divergence(where, shape, "jensen_shannon")
    yield log_probs(where, (LARGE if where.real else TINY)[0])


def cross_entropy(where: Where, shape: tuple[int, int, int, int]) -> Race:
    layer = Layer.drawn(where, *shape)

    def products() -> object:
        """Logits, and the two gradients: what is left when everything else is free."""
        x, w = (one.detach() for one in layer.student)
        z = x @ w.T
        return z @ w, z.T @ x

    def liger() -> Tensor:
        from liger_kernel.transformers.fused_linear_cross_entropy import LigerFusedLinearCrossEntropyLoss

        loss: Any = LigerFusedLinearCrossEntropyLoss(reduction="sum", accum_dtype=torch.float32)
        return loss(layer.unembedding_VD, layer.hidden_ND, layer.labels_N)

    ours = partial(entropy.cross_entropy, *layer.student, layer.labels_N)
    ways = {OURS: layer.back(ours), "Liger": layer.back(liger), FLOOR: products}
    targets = (
        Target("linear cross-entropy, Liger / ours", "Liger", 3.0),
        Target("linear cross-entropy, products alone / ours", FLOOR, 0.70),
    )

    def ask(way: Any, one: Layer) -> Tensor:
        return way.cross_entropy(*one.student, one.labels_N)

    away = error(where, partial(ask, entropy), partial(ask, entropy_by_definition))
    return Race(Told("linear cross-entropy, both ways", told(shape), targets), ways, away)


def divergence(where: Where, shape: tuple[int, int, int, int], kind: Any) -> Race:
    layer = Layer.drawn(where, *shape)

    def liger_distillation() -> Tensor:
        """Its loss without labels; a beta of 0 is KL(teacher‖student) there."""
        from liger_kernel.chunked_loss import LigerFusedLinearJSDLoss

        loss: Any = LigerFusedLinearJSDLoss(
            weight_hard_loss=0.0, weight_soft_loss=1.0, beta=0.0, compiled=where.real
        )
        return loss(*layer.both, layer.labels_N)

    def liger_jensen_shannon() -> Tensor:
        from liger_kernel.transformers.fused_linear_jsd import LigerFusedLinearJSD

        loss: Any = LigerFusedLinearJSD(jsd_beta=0.5, accum_dtype=torch.float32)
        return loss(*layer.both, layer.labels_N)

    ways = {OURS: layer.back(lambda: distill.divergence(*layer.both, kind=kind))}
    if kind == "forward":
        ways["Liger's distillation loss"] = layer.back(liger_distillation)
        targets = (Target("linear KL, Liger's distillation loss / ours", "Liger's distillation loss", 1.4),)
    else:
        ways["Liger's JSD"] = layer.back(liger_jensen_shannon)
        targets = (Target("linear Jensen-Shannon, Liger's JSD / ours", "Liger's JSD", 2.5),)

    def ask(way: Any, one: Layer) -> Tensor:
        return way.divergence(*one.both, kind=kind)

    away = error(where, partial(ask, distill), partial(ask, distill_by_definition))
    return Race(Told(f"linear divergence, {kind}, both ways", told(shape), targets), ways, away)


def log_probs(where: Where, shape: tuple[int, int, int, int]) -> Race:
    layer = Layer.drawn(where, *shape)

    @torch.no_grad()
    def ours() -> Tensor:
        return entropy.log_probs(*layer.student, layer.labels_N)

    @torch.no_grad()
    def whole() -> Tensor:
        logits_NV = layer.hidden_ND @ layer.unembedding_VD.T
        return logits_NV.log_softmax(-1).gather(1, layer.labels_N[:, None])

    ways: dict[str, Way] = {OURS: ours, "whole logits": whole}

    def ask(way: Any, one: Layer) -> Tensor:
        return way.log_probs(*one.student, one.labels_N)

    away = error(where, partial(ask, entropy), partial(ask, entropy_by_definition))
    return Race(Told("log-probabilities, forward", told(shape), most_mb=70), ways, away)


def told(shape: tuple[int, ...]) -> str:
    return ", ".join(f"{name} {number}" for name, number in zip("NVDE", shape, strict=True))


def error(
    where: Where, ours: Callable[[Layer], Tensor], exact: Callable[[Layer], Tensor]
) -> Callable[[], float]:
    """The loss and its gradients, beside the definition in fp64."""

    def away() -> float:
        small = Layer.drawn(where, *((300, 1000, 64, 96) if where.real else TINY[0]))
        found = []
        for loss, layer in ((ours, small), (exact, small.exact())):
            value = loss(layer).sum()
            found.append([value, *torch.autograd.grad(value, layer.student)])
        return distance(*found)

    return away
