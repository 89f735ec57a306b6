"""Attention over packed documents on the CPU: what the door chooses, beside a mask and beside one document per row.

    python bench/attention_packing.py

Forward and backward of one layer, one thread, H 4, G 2, K 32; the median of fifteen rounds in turn.
"""

import statistics
import time

import torch
from torch import Tensor

from lehr.kernels.attention.op import Packing, attention
from lehr.kernels.attention.reference import visible

SHAPES = ((32, 64, 30), (16, 128, 100), (4, 512, 20), (4, 512, 100), (4, 512, 500))
ROUNDS = 15


def timed(q: Tensor, k: Tensor, v: Tensor, packing: Packing) -> float:
    began = time.perf_counter()
    attention(q, k, v, packing).sum().backward()
    return (time.perf_counter() - began) * 1000


def main() -> None:
    torch.set_num_threads(1)
    print("rows x tokens, document   chosen      ms   mask ms   ratio   one document per row ms   ratio")
    for rows, length, document in SHAPES:
        q = torch.randn(rows, 4, length, 32, requires_grad=True)
        k, v = (torch.randn(rows, 2, length, 32, requires_grad=True) for _ in range(2))
        documents = torch.arange(length).div(document, rounding_mode="floor").expand(rows, length)
        chosen = Packing.of(documents)
        ways: dict[str, Packing] = {
            "chosen": chosen,
            "mask": Packing(mask=visible(documents)),
            "single": Packing(),
        }
        times: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(ROUNDS):
            for name in ways:
                times[name].append(timed(q, k, v, ways[name]))
        ours, mask, single = (statistics.median(times[name]) for name in ways)
        kind = "stretches" if chosen.stretches else "mask" if chosen.mask is not None else "single"
        print(
            f"{rows:3} x {length:3}, {document:3}            {kind:9} {ours:6.1f}   {mask:7.1f}   {ours / mask:5.2f}"
            f"   {single:23.1f}   {ours / single:5.2f}"
        )


if __name__ == "__main__":
    main()
