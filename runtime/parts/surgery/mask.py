"""A mask over the hidden units of every dense feed-forward, learned until it is hard; then they are cut out.

AFM prunes so (arXiv:2407.21075, section 3.2): y = W_down ((act(W_gate x) * W_up x) * m), m from `soft_top_k`.
B rows, T positions, D width, F hidden units, K of them that stay.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ....compiler.plan.model import Arch
from ..model.decoder import Decoder
from ..model.ffn import FeedForward, activated
from .soft_top_k import soft_top_k

NARROWED, HARD = 0.4, 0.8
"""Shares of a stage after which a mask has its final sum, and is 0 or 1."""
SOFT, SHARP = 1.0, 0.01
"""The temperature eps at the beginning, and where the mask becomes hard; scores have variance 1 at first."""
GAIN = 100.0
"""A step of Adam moves a weight by the learning rate, and a score by so many times that."""


class MaskedFeedForward(FeedForward):
    """A feed-forward whose hidden units are multiplied by a mask; it has `scores` beside its weights."""

    k: Tensor
    eps: Tensor
    stays_F: Tensor

    def __init__(self, of: FeedForward) -> None:
        nn.Module.__init__(self)
        self.activation = of.activation
        self.gate_proj, self.up_proj, self.down_proj = of.gate_proj, of.up_proj, of.down_proj
        first_F = _importance(of)
        self.scores = nn.Parameter(first_F / GAIN)
        self.hard = False
        for name, value in (("k", first_F.numel()), ("eps", SOFT)):
            self.register_buffer(name, first_F.new_tensor(value), persistent=False)
        self.register_buffer("stays_F", torch.ones_like(first_F), persistent=False)

    def forward(self, x_BTD: Tensor) -> Tensor:
        h_BTF = activated(self.gate_proj(x_BTD), self.activation) * self.up_proj(x_BTD)
        return self.down_proj(h_BTF * self.mask().to(h_BTF.dtype))

    def mask(self) -> Tensor:
        """[F], in fp32 whatever is multiplied in."""
        if self.hard:
            return self.stays_F
        with torch.autocast(self.scores.device.type, enabled=False):
            return soft_top_k(self.scores * GAIN, self.k, self.eps)

    def turn(self, k: float, eps: float, hard: bool) -> None:
        """From now on the mask sums to k; a hard one chooses once, by the scores of that moment."""
        self.k.fill_(k)
        self.eps.fill_(eps)
        if hard and not self.hard:
            self.stays_F.zero_()[self.scores.detach().topk(round(k)).indices] = 1.0
        self.hard = hard


@dataclass(frozen=True, slots=True)
class Course:
    """From `before` hidden units to `after` of them, over so many steps; the last step at least is hard."""

    before: int
    after: int
    steps: int

    def at(self, done: int) -> tuple[float, float, bool]:
        """The mask's sum, its eps, and whether it is hard, in the step that follows `done` of them.

        The sum falls in a straight line from all, where the model is what it was; eps falls by equal factors.
        """
        hard = done >= min(self.steps - 1, HARD * self.steps)
        if hard:
            return self.after, SHARP, True
        narrowed = min(1.0, done / (NARROWED * self.steps))
        eps = SOFT * (SHARP / SOFT) ** (done / (HARD * self.steps))
        return self.before + narrowed * (self.after - self.before), eps, False


def masked(model: Decoder) -> list[MaskedFeedForward]:
    """The masks that are put on every dense feed-forward of a model."""
    found: list[MaskedFeedForward] = []
    for layer in model.model.layers:
        if isinstance(layer.mlp, FeedForward):
            layer.mlp = MaskedFeedForward(layer.mlp)
            found.append(layer.mlp)
    return found


@torch.no_grad()
def cut(model: Decoder, arch: Arch) -> Decoder:
    """The smaller model that a model with hard masks is."""
    smaller = Decoder.empty(arch)
    weights = dict(model.named_parameters())
    for name, place in smaller.named_parameters():
        if place.shape == weights[name].shape:
            place.copy_(weights[name])
    for masked, narrow in zip(model.model.layers, smaller.model.layers, strict=True):
        if isinstance(masked.mlp, MaskedFeedForward) and isinstance(narrow.mlp, FeedForward):
            _cut(masked.mlp, narrow.mlp)
    return smaller


def _cut(masked: MaskedFeedForward, narrow: FeedForward) -> None:
    """Rows and columns of the hidden units that stay, in their order."""
    stays_K = masked.stays_F.nonzero().squeeze(1)
    narrow.gate_proj.weight.copy_(masked.gate_proj.weight[stays_K])
    narrow.up_proj.weight.copy_(masked.up_proj.weight[stays_K])
    narrow.down_proj.weight.copy_(masked.down_proj.weight[:, stays_K])


@torch.no_grad()
def _importance(of: FeedForward) -> Tensor:
    """First scores: the log of the product of a hidden unit's three norms, at mean 0 and variance 1."""
    norms = of.gate_proj.weight.norm(dim=1) * of.up_proj.weight.norm(dim=1) * of.down_proj.weight.norm(dim=0)
    logs_F = norms.clamp(min=torch.finfo(norms.dtype).tiny).log()
    return (logs_F - logs_F.mean()) / logs_F.std(correction=0).clamp(min=1e-6)
