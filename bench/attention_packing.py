"""Attention over packed documents on the CPU: what the door chooses, beside a mask and beside one document per row.

    python bench/attention_packing.py

Forward and backward of one layer, one thread, H 4, G 2, K 32; the median of fifteen rounds in turn.
"""

import statistics
import time
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from lehr.kernels.attention.op import Packing, attention

SHAPES = ((32, 64, 30), (16, 128, 100), (4, 512, 20), (4, 512, 100), (4, 512, 500))
ROUNDS = 15


def timed(way: Callable[..., Tensor], *inputs: Tensor) -> float:
    began = time.perf_counter()
    way(*inputs).sum().backward()
    return (time.perf_counter() - began) * 1000


def main() -> None:
    torch.set_num_threads(1)
    print("rows x tokens, document   chosen      ms   mask ms   ratio   one document per row ms   ratio")
    for rows, length, document in SHAPES:
        q, k, v = (
            torch.randn(rows, length, heads, 32).transpose(1, 2).requires_grad_() for heads in (4, 2, 2)
        )
        documents = torch.arange(length).div(document, rounding_mode="floor").expand(rows, length)
        chosen = Packing.of(documents)
        mask = chosen.visible(length, None, documents.device)
        ways: dict[str, Callable[..., Tensor]] = {
            "chosen": partial(attention, packing=chosen),
            "mask": partial(scaled_dot_product_attention, attn_mask=mask, enable_gqa=True),
            "single": partial(attention, packing=Packing()),
        }
        times: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(ROUNDS):
            for name in ways:
                times[name].append(timed(ways[name], q, k, v))
        ours, mask, single = (statistics.median(times[name]) for name in ways)
        kind = "groups" if chosen.mask is None else "mask"
        print(
            f"{rows:3} x {length:3}, {document:3}            {kind:9} {ours:6.1f}   {mask:7.1f}   {ours / mask:5.2f}"
            f"   {single:23.1f}   {ours / single:5.2f}"
        )


if __name__ == "__main__":
    main()
