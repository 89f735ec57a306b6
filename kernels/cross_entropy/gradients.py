"""The backward half of an op that made its gradients in the forward pass: a product with a number.

N tokens, D width, V vocabulary.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


def keep(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor, Tensor]) -> None:
    """The gradients wait outside of autograd's own list, so that they can be handed on without a copy."""
    ctx.inputs, ctx.made = len(inputs), tuple(gradient.detach() for gradient in output[1:])
    ctx.mark_non_differentiable(*output[1:])
    ctx.set_materialize_grads(False)


@once_differentiable
def scaled(ctx: Any, grad: Tensor | None, *_: Any) -> tuple[Tensor | None, ...]:
    """The waiting gradients times the loss's, in their own memory where nobody comes back for them.

    A second product would hold the unembedding's gradient twice: 2 GB more at V 128 k, D 4 096.
    No number leaves the device, so nothing waits for a GPU.
    """
    if ctx.made is None:
        raise RuntimeError(
            "Trying to backward through the graph a second time; pass retain_graph=True the first time"
        )
    made, last = ctx.made, not _is_traced(grad) and not _comes_back()
    if last:
        ctx.made = None
    results = [_times(one, grad, last) if grad is not None and one.dim() == 2 else None for one in made]
    return (*results, *[None] * (ctx.inputs - len(results)))


def _times(gradient: Tensor, grad: Tensor, in_place: bool) -> Tensor:
    factor = grad.to(gradient.dtype)
    return gradient.mul_(factor) if in_place else gradient * factor


def _is_traced(grad: Tensor | None) -> bool:
    """Whether somebody records this pass instead of running it: a product in place would change what they recorded."""
    return torch.compiler.is_compiling() or type(grad) not in (Tensor, type(None))


def _comes_back() -> bool:
    """Whether this backward pass keeps its graph for another one."""
    return torch._C._autograd._get_current_graph_task_keep_graph()  # pyright: ignore


def unmade(
    hidden_ND: Tensor, unembedding_VD: Tensor, wants_hidden: bool, wants_unembedding: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """Shapes of a total and its gradients, for whoever traces an op without running it."""
    wide = torch.promote_types(hidden_ND.dtype, torch.float32)
    wanted = ((hidden_ND, wants_hidden), (unembedding_VD, wants_unembedding))
    made = [torch.empty_like(x) if is_wanted else x.new_empty(0) for x, is_wanted in wanted]
    return hidden_ND.new_empty((), dtype=wide), made[0], made[1]
