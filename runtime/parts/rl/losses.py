"""The losses of `rl`: what is taken from the log-probabilities of answers and their advantages.

Each is a sum over answers; who calls divides by their number.  Advantages, and log-probabilities of other models,
are constants.  B answers, T positions.
"""

from __future__ import annotations

from torch import Tensor


def policy_gradient(logs_B: Tensor, advantages_B: Tensor) -> Tensor:
    """-A log p(y): the gradient of REINFORCE and of RLOO, an answer being one action."""
    return -(advantages_B * logs_B).sum()


def mirror_descent(logs_B: Tensor, last_B: Tensor, advantages_B: Tensor, gamma: float) -> Tensor:
    """-rho A + gamma KL(p ‖ p_last), rho = p(y) / p_last(y), the answers drawn from p_last (MDPO, arXiv:2005.09814).

    Of answers so drawn E[rho log rho - rho + 1] is that divergence: no term is below 0, and each varies less than
    rho log rho.  Its gradient is 0 at p_last, so the first step is that of RLOO.
    """
    log_rho_B = logs_B - last_B
    rho_B = log_rho_B.exp()
    kl_B = rho_B * log_rho_B - rho_B + 1
    return (gamma * kl_B - rho_B * advantages_B).sum()


def clipped(
    logs_BT: Tensor,
    last_BT: Tensor,
    reference_BT: Tensor | None,
    advantages_B: Tensor,
    kept_BT: Tensor,
    *,
    clip: float,
    beta: float,
) -> Tensor:
    """GRPO's, of each answer the mean over its tokens: -min(r A, clip(r, 1 ± clip) A) + beta KL(p ‖ p_reference).

    r is the ratio of a token, and the divergence is estimated by q - log q - 1 with q = p_reference / p (k3).
    """
    ratio_BT = (logs_BT - last_BT).exp()
    advantages_B1 = advantages_B[:, None]
    cut_BT = ratio_BT.clamp(1 - clip, 1 + clip) * advantages_B1
    loss_BT = -(ratio_BT * advantages_B1).minimum(cut_BT)
    if reference_BT is not None and beta:
        log_q_BT = reference_BT - logs_BT
        loss_BT = loss_BT + beta * (log_q_BT.exp() - log_q_BT - 1)
    kept_BT = kept_BT.to(loss_BT.dtype)
    return ((loss_BT * kept_BT).sum(1) / kept_BT.sum(1).clamp(min=1)).sum()
