"""The doors to what a student learns of a teacher: its whole distribution, its best guess, or its few best.

Student and teacher come as hidden states and unembeddings; of neither is there ever more than a chunk of
logits.  Gradients are the student's alone.  Every door returns a sum over tokens in fp32 or wider.

N tokens, D width of the student, E of the teacher, V vocabulary, K most likely tokens.
"""

from __future__ import annotations

from typing import Any, get_args

import torch
from torch import Tensor

from ..cross_entropy import checks, gradients
from ..cross_entropy.choice import by_kernel
from ..cross_entropy.chunks import Part, Products, swept
from ..cross_entropy.op import against, of_labels, wide
from ..cross_entropy.rows import Shape, Targets
from . import launch, rows
from .rows import Divergence, Kind


def divergence(
    hidden_ND: Tensor,
    unembedding_VD: Tensor,
    teacher_hidden_NE: Tensor,
    teacher_unembedding_VE: Tensor,
    labels_N: Tensor | None = None,
    weights_N: Tensor | None = None,
    *,
    kind: Kind = "forward",
    beta: float = 0.5,
    temperature: float = 1.0,
    cap: float | None = None,
    teacher_cap: float | None = None,
    ignore: int = -100,
) -> Tensor:
    """How far the student is from the teacher, summed over the labels that are not `ignore`; equal to the reference.

    `forward` is KL(teacher‖student), `reverse` KL(student‖teacher), `jensen_shannon` lies between them by `beta`.
    Both distributions are taken at the `temperature`; whoever wants Hinton's factor T² multiplies.
    A token counts as often as its weight says, once without any.
    Raises ValueError or TypeError where the arguments do not fit, RuntimeError where the teacher wants a gradient.
    """
    checks.last_layer(hidden_ND, unembedding_VD)
    checks.last_layer(teacher_hidden_NE, teacher_unembedding_VE, "teacher_")
    _same_kind(hidden_ND, teacher_hidden_NE, unembedding_VD, teacher_unembedding_VE)
    _shaped(temperature, cap, teacher_cap)
    if kind not in get_args(Kind):
        raise ValueError(f"kind: got {kind!r}, expected one of {', '.join(get_args(Kind))}")
    if not 0 < beta < 1:
        raise ValueError(f"beta: got {beta}, expected a number between 0 and 1")
    wants = torch.is_grad_enabled()
    total, _, _ = _divergence(
        hidden_ND,
        unembedding_VD,
        teacher_hidden_NE,
        teacher_unembedding_VE,
        _weights(hidden_ND, unembedding_VD, labels_N, weights_N, ignore),
        kind,
        beta,
        temperature,
        cap,
        teacher_cap,
        wants and hidden_ND.requires_grad,
        wants and unembedding_VD.requires_grad,
    )
    return total


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
    """Cross-entropy against the truth and the teacher's best guess, mixed; equal to the reference.

    Where the two differ, even a perfect student pays the mixture's entropy: 0.3251 a token at 0.9.
    """
    checks.last_layer(hidden_ND, unembedding_VD)
    for name, ids_N in (("labels", labels_N), ("guesses", guesses_N)):
        checks.tokens(name, ids_N, hidden_ND, unembedding_VD.shape[0], ignore)
    checks.positive("cap", cap)
    checks.within("teacher", teacher, 0.0, 1.0)
    counted_N = guesses_N.where(labels_N != ignore, 0)
    checks.tokens("guesses", counted_N, hidden_ND, unembedding_VD.shape[0], None)
    truth = of_labels(labels_N, ignore, wide(hidden_ND))
    ids_NK = torch.stack([truth.ids_NK[:, 0], counted_N.long()], 1)
    agree_N = ids_NK[:, 0] == ids_NK[:, 1]
    share_N = truth.weights_N.new_full((), 1 - teacher).where(~agree_N, 1.0)
    targets = Targets(ids_NK, torch.stack([share_N, 1 - share_N], 1), truth.weights_N)
    return against(hidden_ND, unembedding_VD, targets, Shape(cap))


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
    """KL(teacher‖student) over the teacher's K likeliest tokens and, as one class more, all the others.

    Equal to the reference.  `log_probs_NK` are the teacher's at the same temperature, of K different
    tokens each, as `targets.top_k` makes them; only a CPU looks whether they differ.  Weights as in `divergence`.
    """
    checks.last_layer(hidden_ND, unembedding_VD)
    checks.tokens("ids", ids_NK, hidden_ND, unembedding_VD.shape[0], None)
    _shaped(temperature, cap, None)
    if ids_NK.dim() != 2 or not 1 <= ids_NK.shape[1] <= unembedding_VD.shape[0]:
        raise ValueError(f"ids: got {tuple(ids_NK.shape)}, expected [N, K] with K from 1 to the vocabulary")
    if log_probs_NK.shape != ids_NK.shape or not log_probs_NK.is_floating_point():
        got = f"{tuple(log_probs_NK.shape)} of {log_probs_NK.dtype}"
        raise ValueError(f"log_probs: got {got}, expected {tuple(ids_NK.shape)} of floating point")
    checks.same_device("log_probs", log_probs_NK, hidden_ND)
    _refuse_gradients(log_probs=log_probs_NK)
    weights_N = _weights(hidden_ND, unembedding_VD, labels_N, weights_N, ignore)
    checks.distinct("ids", ids_NK, weights_N)
    shares_NK = log_probs_NK.to(weights_N.dtype).exp()
    targets = Targets(ids_NK.long(), shares_NK, weights_N, remainder=True)
    return against(hidden_ND, unembedding_VD, targets, Shape(cap, temperature)) - _entropy(
        targets, unembedding_VD.shape[0]
    )


def _entropy(targets: Targets, vocab: int) -> Tensor:
    """Of the teacher's classes: what a cross-entropy has more than a divergence."""
    shares_NK = targets.shares_NK
    rest_N = (1 - shares_NK.sum(1)).clamp(min=0) * (shares_NK.shape[1] < vocab)
    return -(
        (torch.xlogy(shares_NK, shares_NK).sum(1) + torch.xlogy(rest_N, rest_N)) * targets.weights_N
    ).sum()


def _weights(
    hidden_ND: Tensor, unembedding_VD: Tensor, labels_N: Tensor | None, weights_N: Tensor | None, ignore: int
) -> Tensor:
    found_N = hidden_ND.new_ones(hidden_ND.shape[0], dtype=wide(hidden_ND))
    if labels_N is not None:
        checks.tokens("labels", labels_N, hidden_ND, unembedding_VD.shape[0], ignore)
        found_N = (labels_N != ignore).to(found_N.dtype)
    if weights_N is None:
        return found_N
    if weights_N.shape != found_N.shape or not weights_N.is_floating_point():
        got = f"{tuple(weights_N.shape)} of {weights_N.dtype}"
        raise ValueError(f"weights: got {got}, expected {tuple(found_N.shape)} of floating point")
    checks.same_device("weights", weights_N, hidden_ND)
    _refuse_gradients(weights=weights_N)
    return found_N * weights_N.to(found_N.dtype)


def _shaped(temperature: float, cap: float | None, teacher_cap: float | None) -> None:
    checks.positive("temperature", temperature)
    checks.positive("cap", cap)
    checks.positive("teacher_cap", teacher_cap)


def _same_kind(hidden_ND: Tensor, teacher_hidden_NE: Tensor, own_VD: Tensor, teachers_VE: Tensor) -> None:
    if teacher_hidden_NE.shape[0] != hidden_ND.shape[0]:
        raise ValueError(
            f"teacher_hidden: got {teacher_hidden_NE.shape[0]} tokens, expected {hidden_ND.shape[0]}"
        )
    if teachers_VE.shape[0] != own_VD.shape[0]:
        got, expected = teachers_VE.shape[0], own_VD.shape[0]
        raise ValueError(
            f"teacher_unembedding: got a vocabulary of {got}, expected {expected}; cut both to what they share"
        )
    checks.same_device("teacher_hidden", teacher_hidden_NE, hidden_ND)
    _refuse_gradients(teacher_hidden=teacher_hidden_NE, teacher_unembedding=teachers_VE)


def _refuse_gradients(**tensors: Tensor) -> None:
    for name, tensor in tensors.items():
        if tensor.requires_grad and torch.is_grad_enabled():
            raise RuntimeError(
                f"{name}: got a tensor that requires a gradient, expected one that stands still"
            )


@torch.library.custom_op("lehr::divergence", mutates_args=())
def _divergence(
    hidden_ND: Tensor,
    unembedding_VD: Tensor,
    teacher_hidden_NE: Tensor,
    teacher_unembedding_VE: Tensor,
    weights_N: Tensor,
    kind: str,
    beta: float,
    temperature: float,
    cap: float | None,
    teacher_cap: float | None,
    wants_hidden: bool,
    wants_unembedding: bool,
) -> tuple[Tensor, Tensor, Tensor]:
    of, wants = Divergence(kind, beta, temperature, cap, teacher_cap), (wants_hidden, wants_unembedding)
    teacher = Products(teacher_unembedding_VE)
    room: list[Tensor] = []

    def of_chunk(z_CV: Tensor, part: Part) -> tuple[Tensor, Tensor]:
        if not room:
            room.append(torch.empty_like(z_CV, dtype=teacher.wide))
        t_CV = teacher.made(teacher_hidden_NE[part], room[0][: z_CV.shape[0]]).to(z_CV.dtype)
        if by_kernel(z_CV):
            return launch.divergence(z_CV, t_CV, weights_N[part], of, any(wants), hidden_ND.dtype)
        return rows.divergence(z_CV, t_CV, weights_N[part], of, any(wants))

    return swept(hidden_ND, unembedding_VD, weights_N, of_chunk, wants)


@_divergence.register_fake
def _(hidden_ND: Tensor, unembedding_VD: Tensor, *rest: Any) -> tuple[Tensor, Tensor, Tensor]:
    return gradients.unmade(hidden_ND, unembedding_VD, *rest[-2:])


_divergence.register_autograd(gradients.scaled, setup_context=gradients.keep)
