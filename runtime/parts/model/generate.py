"""Text from a model, token by token."""

from __future__ import annotations

from itertools import groupby

import torch
from torch import Tensor

from ..seeds import seed
from .attention import Cache
from .decoder import Decoder


@torch.no_grad()
def generate(
    model: Decoder,
    prompts: list[list[int]],
    *,
    max_new: int,
    stop: frozenset[int],
    temperature: float,
    rng: int,
    rope: float | None,
) -> list[list[int]]:
    """What follows each prompt, up to and without the first id of `stop`; greedy at temperature 0.

    Prompts of one length run together.  A prompt's random numbers depend on its
    place in the list alone, so its text does not depend on who runs beside it.
    """
    replies: list[list[int]] = [[] for _ in prompts]
    order = sorted(range(len(prompts)), key=lambda at: len(prompts[at]))
    for _, together in groupby(order, key=lambda at: len(prompts[at])):
        rows = list(together)
        sources = [torch.Generator().manual_seed(seed(rng, "generate", at)) for at in rows]
        ids_BT = torch.tensor([prompts[at] for at in rows])
        for at, reply in zip(
            rows, _together(model, ids_BT, max_new, stop, temperature, sources, rope), strict=True
        ):
            replies[at] = reply
    return replies


def _together(
    model: Decoder,
    ids_BT: Tensor,
    max_new: int,
    stop: frozenset[int],
    temperature: float,
    sources: list[torch.Generator],
    rope: float | None,
) -> list[list[int]]:
    caches = [Cache() for _ in range(model.arch.layers)]
    replies: list[list[int]] = [[] for _ in sources]
    open_rows = set(range(len(sources)))
    start = 0
    for _ in range(max_new):
        logits_BV = model.extend(ids_BT, start, caches, rope)
        start += ids_BT.shape[1]
        next_B = _choose(logits_BV, temperature, sources)
        for row in list(open_rows):
            if (token := int(next_B[row])) in stop:
                open_rows.remove(row)
            else:
                replies[row].append(token)
        if not open_rows:
            break
        ids_BT = next_B[:, None]
    return replies


def _choose(logits_BV: Tensor, temperature: float, sources: list[torch.Generator]) -> Tensor:
    if temperature == 0:
        return logits_BV.argmax(-1)
    p_BV = torch.softmax(logits_BV.double() / temperature, -1).cpu()  # where the random numbers are made
    drawn = [torch.multinomial(p_V, 1, generator=source) for p_V, source in zip(p_BV, sources, strict=True)]
    return torch.cat(drawn)
