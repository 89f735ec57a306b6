"""A mixture of experts in place of the feed-forward, as Qwen 2 has it (arXiv:2407.10671, section 2.2.2).

B rows, T positions, N = B * T tokens, A active experts, M = N * A visits, D width, E routed experts, F width
of one.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn.functional import grouped_mm, linear, one_hot

from ....compiler.plan.model import Arch, Experts
from .ffn import Activation, FeedForward, activated

Load = tuple[Tensor, Tensor]
"""Of a layer, for each row [B, E]: an expert's visits and the router's probability of it, per token."""


@dataclass
class Balance:
    """How evenly one pass through a model used its experts, row by row; handed to `Decoder.hidden`.

    Each row has statistics of its own, so that a loss made of them does not depend on how rows are batched.
    """

    loads: list[Load] = field(default_factory=list[Load])

    def loss_B(self) -> Tensor:
        """E * sum_e f_e P_e of each row (Fedus et al. 2021, eq. 4-6): f the visits and P the probability
        of an expert per token, both averaged over the layers first, as transformers does."""
        visits_BE = torch.stack([visits for visits, _ in self.loads]).mean(0)
        chances_BE = torch.stack([chances for _, chances in self.loads]).mean(0)
        return visits_BE.shape[-1] * (visits_BE * chances_BE).sum(-1)


class SparseFeedForward(nn.Module):
    """Every token meets the `active` experts that its router likes best, and the shared one behind a gate."""

    def __init__(self, arch: Arch, of: Experts) -> None:
        super().__init__()
        self.active, self.renormalise = of.active, of.renormalise
        self.gate = nn.Linear(arch.width, of.count, bias=False)
        self.experts = RoutedExperts(arch.width, of, arch.activation)
        self.shared_expert = self.shared_expert_gate = None
        if of.shared_ffn:
            self.shared_expert = FeedForward(arch.width, of.shared_ffn, arch.activation)
            self.shared_expert_gate = nn.Linear(arch.width, 1, bias=False)

    def forward(self, x_BTD: Tensor) -> tuple[Tensor, Load]:
        p_BTE = self._chances(x_BTD)
        weights_BTA, chosen_BTA = p_BTE.topk(self.active, -1)
        if self.renormalise:
            weights_BTA = weights_BTA / weights_BTA.sum(-1, keepdim=True)
        met_NAD = self.experts(x_BTD.flatten(0, 1), chosen_BTA.flatten(0, 1))
        y_ND = (met_NAD * weights_BTA.flatten(0, 1).to(met_NAD.dtype)[..., None]).sum(1)
        y_BTD = y_ND.view_as(x_BTD)
        if self.shared_expert and self.shared_expert_gate:
            y_BTD = y_BTD + self.shared_expert_gate(x_BTD).sigmoid() * self.shared_expert(x_BTD)
        visits_BE = one_hot(chosen_BTA.flatten(1), p_BTE.shape[-1]).sum(1) / x_BTD.shape[1]
        return y_BTD, (visits_BE.to(p_BTE.dtype), p_BTE.mean(1))

    def _chances(self, x_BTD: Tensor) -> Tensor:
        """The router's probabilities, in fp32: in bf16 close experts would tie."""
        wide = torch.promote_types(x_BTD.dtype, torch.float32)
        with torch.autocast(x_BTD.device.type, enabled=False):
            return linear(x_BTD.to(wide), self.gate.weight.to(wide)).softmax(-1)


class RoutedExperts(nn.Module):
    """All routed experts in two tensors, gates stacked on ups, as transformers 5 keeps them in memory."""

    def __init__(self, width: int, of: Experts, activation: Activation) -> None:
        super().__init__()
        self.activation: Activation = activation
        self.gate_up_proj = nn.Parameter(torch.empty(of.count, 2 * of.ffn, width))
        self.down_proj = nn.Parameter(torch.empty(of.count, width, of.ffn))

    def forward(self, x_ND: Tensor, chosen_NA: Tensor) -> Tensor:
        """What each token's experts say, [N, A, D].

        Visits are sorted by expert, so that each expert is one product; every row is then read and
        written once, which keeps the backward pass free of sums in an order of chance.
        """
        tokens, active = chosen_NA.shape
        order_M = chosen_NA.flatten().argsort(stable=True)
        visits_E = chosen_NA.flatten().bincount(minlength=self.gate_up_proj.shape[0])
        x_MD = x_ND[:, None].expand(-1, active, -1).flatten(0, 1)[order_M]
        gate_MF, up_MF = _by_expert(x_MD, self.gate_up_proj, visits_E).chunk(2, -1)
        y_MD = _by_expert(activated(gate_MF, self.activation) * up_MF, self.down_proj, visits_E)
        return y_MD[order_M.argsort()].view(tokens, active, -1)


def _by_expert(x_MI: Tensor, weight_EOI: Tensor, visits_E: Tensor) -> Tensor:
    """Each stretch of rows times its expert's matrix."""
    if x_MI.dtype == torch.bfloat16 and all(size % 8 == 0 for size in weight_EOI.shape[1:]):
        # one kernel, which takes rows of whole 16 bytes only
        ends_E = visits_E.cumsum(0).to(torch.int32)
        return grouped_mm(x_MI, weight_EOI.to(x_MI.dtype).transpose(1, 2), offs=ends_E)
    parts = x_MI.split(visits_E.tolist())
    return torch.cat([linear(part, weight) for part, weight in zip(parts, weight_EOI, strict=True)])
