"""Losses of preferences: policies held to a reference by pairs, and judges that rank answers.

With h the log of how much likelier the policy finds an answer than the reference does, c the chosen and r the rejected,
and s the logistic function, a pair's loss is

    dpo        -log s(beta (h_c - h_r))                       Rafailov et al. 2023, equation 7
    ipo        (h_c - h_r - 1 / (2 beta))^2                   Azar et al. 2023, equation 17
    apo_zero   s(-beta h_c) + s(beta h_r)                     D'Oosterlinck et al. 2024, section 4
    apo_down   s(beta h_c) + s(-beta (h_c - h_r))             the same

A judge that gives scores u to a better and v to a worse answer has -log s(u - v - margin), or with p the share of
people who would agree, -p log s(u - v) - (1 - p) log s(v - u), whose least is at u - v = log(p / (1 - p)).
B pairs.
"""

from __future__ import annotations

from typing import Literal

from torch import Tensor
from torch.nn.functional import logsigmoid, softplus


def held_to_reference(
    kind: Literal["dpo", "ipo", "apo_zero", "apo_down"], beta: float, chosen_B: Tensor, rejected_B: Tensor
) -> Tensor:
    """The loss of each pair, of the logs h of both answers."""
    match kind:
        case "dpo":
            return -logsigmoid(beta * (chosen_B - rejected_B))
        case "ipo":
            return (chosen_B - rejected_B - 1 / (2 * beta)) ** 2
        case "apo_zero":
            return (-beta * chosen_B).sigmoid() + (beta * rejected_B).sigmoid()
        case "apo_down":
            return (beta * chosen_B).sigmoid() + (-beta * (chosen_B - rejected_B)).sigmoid()


def ranked(gap: Tensor, agreeing: Tensor | float = 1.0, margin: Tensor | float = 0.0) -> Tensor:
    """The loss of each gap u - v between a better answer's score and a worse one's."""
    wanted = gap - margin
    return softplus(-wanted) * agreeing + softplus(wanted) * (1 - agreeing)
