"""Losses and packed attention on one thread of a CPU, beside what people use there: CPU time and memory, in ratios.

    python bench/kernels_cpu.py [--quick] [--write]

Forward and backward in fp32, modes in turn after a round that warms up; the median over the shapes, the worst
beside it.  A mode's memory is the rise of the process's largest resident set while it runs, gradients included
(read as Linux with glibc tells it).
Peers: logits kept whole; torch's chunked `linear_cross_entropy`, where this torch has it; the formula of TRL's
Jensen-Shannon loss, written anew from its definition, not TRL itself; `scaled_dot_product_attention` with a mask.
`--write` keeps what is printed in `bench/results/kernels_cpu.md`: only from a machine that does nothing else.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from lehr.kernels.attention.op import Packing, attention
from lehr.kernels.cross_entropy.op import cross_entropy
from lehr.kernels.distill.op import divergence

RESULTS = Path(__file__).parent / "results"
TOKENS, VOCAB = 2048, 32_768
WIDTHS = ((512, 512), (512, 1024), (576, 896), (256, 640))
"""Of student and teacher."""
PACKED = ((4, 512, 100), (2, 1024, 128), (1, 2048, 200))
"""Rows, positions, length of a document; heads H 8, G 4, K 64."""
ROUNDS = 3

Mode = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Ratio:
    """A over B, in time (0) or memory (1), and whether less or more of it is better."""

    title: str
    one: str
    other: str
    which: int = 0
    less: bool = True


RATIOS = (
    Ratio("products alone / divergence, naive", "products", "KL, naive"),
    Ratio("divergence, ours / naive", "KL, ours", "KL, naive"),
    Ratio("its memory", "KL, ours", "KL, naive", 1),
    Ratio("Jensen-Shannon, TRL's formula / ours", "JSD, TRL's formula", "JSD, ours", less=False),
    Ratio("cross-entropy, ours / naive", "CE, ours", "CE, naive"),
    Ratio("its memory", "CE, ours", "CE, naive", 1),
    Ratio("cross-entropy, torch's chunks / ours", "CE, torch's chunks", "CE, ours", less=False),
    Ratio("packed attention, mask / ours", "attention, mask", "attention, ours", less=False),
)


def of_losses(width: int, teacher: int, tokens: int, vocab: int) -> tuple[list[Tensor], dict[str, Mode]]:
    torch.manual_seed(0)
    x, w = torch.randn(tokens, width), torch.randn(vocab, width) * 2 * width**-0.5
    t, u = torch.randn(tokens, teacher), torch.randn(vocab, teacher) * 2 * teacher**-0.5
    labels = torch.randint(vocab, (tokens,))
    moving = [x.requires_grad_(), w.requires_grad_()]
    modes: dict[str, Mode] = {
        "products": lambda: products(x, w, t, u),
        "KL, naive": lambda: naive_divergence(x, w, t, u),
        "KL, ours": lambda: divergence(x, w, t, u).backward(),
        "JSD, TRL's formula": lambda: trl_jensen_shannon(x, w, t, u),
        "JSD, ours": lambda: divergence(x, w, t, u, kind="jensen_shannon").backward(),
        "CE, naive": lambda: functional.cross_entropy(x @ w.T, labels, reduction="sum").backward(),
        "CE, ours": lambda: cross_entropy(x, w, labels).backward(),
    }
    if hasattr(torch.nn, "LinearCrossEntropyOptions"):
        chunked = partial(functional.linear_cross_entropy, options=torch.nn.LinearCrossEntropyOptions())
        modes["CE, torch's chunks"] = lambda: chunked(x, w, labels, reduction="sum").backward()
    return moving, modes


def products(x: Tensor, w: Tensor, t: Tensor, u: Tensor) -> None:
    """What a divergence cannot do without."""
    with torch.no_grad():
        z, _teacher = x @ w.T, t @ u.T
        _back = z @ w, z.T @ x


def naive_divergence(x: Tensor, w: Tensor, t: Tensor, u: Tensor) -> None:
    with torch.no_grad():
        log_p = functional.log_softmax(t @ u.T, -1)
    functional.kl_div(functional.log_softmax(x @ w.T, -1), log_p, reduction="sum", log_target=True).backward()


def trl_jensen_shannon(x: Tensor, w: Tensor, t: Tensor, u: Tensor, beta: float = 0.5) -> None:
    with torch.no_grad():
        log_p = functional.log_softmax(t @ u.T, -1)
    log_q, share = functional.log_softmax(x @ w.T, -1), torch.tensor(beta)
    log_m = torch.logsumexp(torch.stack([log_q + torch.log1p(-share), log_p + share.log()]), 0)
    by_teacher = functional.kl_div(log_m, log_p, reduction="none", log_target=True)
    by_student = functional.kl_div(log_m, log_q, reduction="none", log_target=True)
    (share * by_teacher + (1 - share) * by_student).sum().backward()


def of_attention(rows: int, length: int, document: int) -> tuple[list[Tensor], dict[str, Mode]]:
    q, k, v = (torch.randn(rows, length, heads, 64).transpose(1, 2).requires_grad_() for heads in (8, 4, 4))
    documents = torch.arange(length).div(document, rounding_mode="floor").expand(rows, length)
    packing = Packing.of(documents)
    mask = packing.visible(length, None, documents.device)
    masked = partial(functional.scaled_dot_product_attention, attn_mask=mask, enable_gqa=True)
    return [q, k, v], {
        "attention, mask": lambda: masked(q, k, v).sum().backward(),
        "attention, ours": lambda: attention(q, k, v, packing).sum().backward(),
    }


def measured(mode: Mode, moving: list[Tensor]) -> tuple[float, float]:
    """Seconds of CPU and MB of memory."""
    for tensor in moving:
        tensor.grad = None
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)  # else memory that an earlier mode freed would serve this one unseen
    Path("/proc/self/clear_refs").write_text("5")
    before, began = _peak(), time.process_time()
    mode()
    return time.process_time() - began, max(_peak() - before, 0.001)


def _peak() -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1000 for line in lines if line.startswith("VmHWM"))


def in_turn(moving: list[Tensor], modes: dict[str, Mode], rounds: int) -> dict[str, tuple[float, float]]:
    """The median of each mode, after one round that nobody counts."""
    found = [{name: measured(mode, moving) for name, mode in modes.items()} for _ in range(1 + rounds)][1:]
    return {name: tuple(statistics.median(one[name][i] for one in found) for i in range(2)) for name in modes}


def table(found: list[tuple[str, dict[str, tuple[float, float]]]]) -> list[str]:
    lines = ["| shape | mode | s | MB |", "|---|---|---:|---:|"]
    lines += [
        f"| {shape} | {name} | {seconds:.3f} | {megabytes:.0f} |"
        for shape, modes in found
        for name, (seconds, megabytes) in modes.items()
    ]
    lines += ["", "| ratio | median over the shapes | worst | better |", "|---|---:|---:|---|"]
    for one in RATIOS:
        both = [modes for _, modes in found if one.one in modes and one.other in modes]
        ratios = [modes[one.one][one.which] / modes[one.other][one.which] for modes in both]
        if ratios:
            worst, better = (max(ratios), "less") if one.less else (min(ratios), "more")
            lines.append(f"| {one.title} | {statistics.median(ratios):.2f} | {worst:.2f} | {better} |")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one small shape of each, once: does it run?")
    parser.add_argument("--write", action="store_true", help="keep the tables below bench/results")
    options = parser.parse_args()
    if options.write and options.quick:
        parser.error("--write keeps whole runs only, not --quick ones")
    torch.set_num_threads(1)
    quick, found = options.quick, []
    tokens, vocab, rounds = (256, 4096, 1) if quick else (TOKENS, VOCAB, ROUNDS)
    for width, teacher in WIDTHS[:1] if quick else WIDTHS:
        shape = f"N {tokens}, V {vocab}, D {width}, E {teacher}"
        found.append((shape, in_turn(*of_losses(width, teacher, tokens, vocab), rounds)))
    for rows, length, document in PACKED[:1] if quick else PACKED:
        shape = f"{rows} x {length} in documents of {document}"
        found.append((shape, in_turn(*of_attention(rows, length, document), rounds)))
    told = f"`bench/kernels_cpu.py`, one thread, {platform.machine()}, torch {torch.__version__}"
    page = "\n".join([told, "", *table(found)])
    print(page)
    if options.write:
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / "kernels_cpu.md").write_text(page + "\n")


if __name__ == "__main__":
    main()
