"""Distillation losses as their definitions say them, with every logit of both models.

N tokens, D width of the student, E of the teacher, V vocabulary, K most likely tokens.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ..cross_entropy.reference import logits


def divergence(
    hidden_ND: Tensor,
    unembedding_VD: Tensor,
    teacher_hidden_NE: Tensor,
    teacher_unembedding_VE: Tensor,
    labels_N: Tensor | None = None,
    weights_N: Tensor | None = None,
    *,
    kind: str = "forward",
    beta: float = 0.5,
    temperature: float = 1.0,
    cap: float | None = None,
    teacher_cap: float | None = None,
    ignore: int = -100,
) -> Tensor:
    """The sum over tokens of a divergence between a teacher P and a student Q, both at a temperature.

    forward KL(P‖Q) (Hinton et al. 2015, without their factor T²), reverse KL(Q‖P) (MiniLLM, arXiv 2306.08543),
    or jensen_shannon β KL(P‖M) + (1 - β) KL(Q‖M) with M = β P + (1 - β) Q (GKD, arXiv 2306.13649, eq. 1).
    """
    log_q_NV = (logits(hidden_ND, unembedding_VD, cap) / temperature).log_softmax(-1)
    log_p_NV = (logits(teacher_hidden_NE, teacher_unembedding_VE, teacher_cap) / temperature).log_softmax(-1)
    log_p_NV = log_p_NV.detach()
    weights_N = log_q_NV.new_ones(len(log_q_NV)) if weights_N is None else weights_N
    if labels_N is not None:
        kept_N = labels_N != ignore
        log_q_NV, log_p_NV, weights_N = log_q_NV[kept_N], log_p_NV[kept_N], weights_N[kept_N]
    if kind == "forward":
        return (weights_N * _kl_N(log_p_NV, log_q_NV)).sum()
    if kind == "reverse":
        return (weights_N * _kl_N(log_q_NV, log_p_NV)).sum()
    log_m_NV = torch.logaddexp(log_p_NV + math.log(beta), log_q_NV + math.log(1 - beta))
    mixed_N = beta * _kl_N(log_p_NV, log_m_NV) + (1 - beta) * _kl_N(log_q_NV, log_m_NV)
    return (weights_N * mixed_N).sum()


def convex(
    hidden_ND: Tensor,
    unembedding_VD: Tensor,
    labels_N: Tensor,
    guesses_N: Tensor,
    *,
    teacher: float = 0.9,
    cap: float | None = None,
    ignore: int = -100,
) -> Tensor:
    """Cross-entropy against (1 - teacher) · truth + teacher · the teacher's best guess (AFM, arXiv 2407.21075, §3)."""
    kept_N = labels_N != ignore
    log_q_NV = logits(hidden_ND, unembedding_VD, cap).log_softmax(-1)[kept_N]
    truth_N, guess_N = (log_q_NV.gather(1, ids_N[kept_N, None]).sum() for ids_N in (labels_N, guesses_N))
    return -(1 - teacher) * truth_N - teacher * guess_N


def top_k(
    hidden_ND: Tensor,
    unembedding_VD: Tensor,
    ids_NK: Tensor,
    log_probs_NK: Tensor,
    labels_N: Tensor | None = None,
    weights_N: Tensor | None = None,
    *,
    temperature: float = 1.0,
    cap: float | None = None,
    ignore: int = -100,
) -> Tensor:
    """KL(P‖Q) over the teacher's K most likely tokens and, as one class more, all the others."""
    log_q_NV = (logits(hidden_ND, unembedding_VD, cap) / temperature).log_softmax(-1)
    weights_N = log_q_NV.new_ones(len(log_q_NV)) if weights_N is None else weights_N
    if labels_N is not None:
        kept_N = labels_N != ignore
        log_q_NV, ids_NK, log_probs_NK = log_q_NV[kept_N], ids_NK[kept_N], log_probs_NK[kept_N]
        weights_N = weights_N[kept_N]
    rest_N = (1 - log_probs_NK.exp().sum(1)).clamp(min=0)
    log_q_rest_N = log_q_NV.scatter(1, ids_NK, -torch.inf).logsumexp(1)
    found_N = _kl_N(log_probs_NK, log_q_NV.gather(1, ids_NK))
    if ids_NK.shape[1] < log_q_NV.shape[1]:
        found_N = found_N + torch.xlogy(rest_N, rest_N) - rest_N * log_q_rest_N
    return (weights_N * found_N).sum()


def _kl_N(log_p_NV: Tensor, log_q_NV: Tensor) -> Tensor:
    return (log_p_NV.exp() * (log_p_NV - log_q_NV)).sum(1)
