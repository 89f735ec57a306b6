"""Losses and packed attention on one thread of a CPU, beside what people use there: CPU time and memory, in ratios.

    python bench/kernels_cpu.py [--quick]

Forward and backward.  Times: modes in turn in one process, the better of two rounds after a small one that warms
up.  Memory: the rise of a forked process's largest resident set, gradients included, before anything else ran (read
as Linux with glibc tells it).  Each ratio is the median over the shapes, the worst beside it.
Peers: logits kept whole, as fp32; torch's chunked `linear_cross_entropy` as it comes, where this torch has it; the
formula of TRL's Jensen-Shannon loss, written anew from its definition; `scaled_dot_product_attention` with a mask.
What is printed is also written to `bench/results/kernels-cpu.md`: run it on a machine that does nothing else.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import platform
import re
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from lehr.kernels.attention.op import Packing, attention
from lehr.kernels.cross_entropy.op import cross_entropy
from lehr.kernels.distill.op import divergence

PAGE = Path(__file__).parent / "results" / "kernels-cpu.md"
TOKENS, VOCAB = 2048, 32_768
WIDTHS = ((512, 512), (512, 1024), (576, 896), (256, 640))
"""Of student and teacher: equal, Llama's 8B of 70B, Gemma 2's 2B of 9B and Qwen2's 0.5B of 1.5B, all narrower."""
DTYPES = (torch.float32, torch.bfloat16)
TEMPERATURE = 2.0
IGNORED = 7
"""Every so many labels one is ignored."""
PACKED = ((1, 2048, 512), (1, 2048, 200), (2, 1024, 128), (4, 512, 100))
"""Rows, positions, length of a document; heads H 8, G 2, K 64."""
ROUNDS = 2

Mode = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Ratio:
    """A over B in CPU time or memory; at most or at least the limit, where there is one."""

    title: str
    one: str
    other: str
    limit: float | None = None
    less: bool = True
    memory: bool = False

    def target(self) -> str:
        return "" if self.limit is None else f"{'≤' if self.less else '≥'} {self.limit:g}"


RATIOS = (
    Ratio("divergence: its products alone / naive", "products", "KL, naive"),
    Ratio("divergence: ours / naive", "KL, ours", "KL, naive", 0.72),
    Ratio("divergence: memory, ours / naive", "KL, ours", "KL, naive", 0.15, memory=True),
    Ratio("Jensen-Shannon: TRL's formula / ours", "JSD, TRL's formula", "JSD, ours", 3.0, less=False),
    Ratio("cross-entropy: torch's chunks / ours", "CE, torch's chunks", "CE, ours", 3.0, less=False),
    Ratio("cross-entropy: ours / naive", "CE, ours", "CE, naive"),
    Ratio("cross-entropy: memory, ours / naive", "CE, ours", "CE, naive", memory=True),
    Ratio("packed attention: mask / ours", "attention, mask", "attention, ours", 3.5, less=False),
)
WEIGHED = {name for ratio in RATIOS if ratio.memory for name in (ratio.one, ratio.other)}


@dataclass(slots=True)
class Case:
    """A shape, what moves there, and its modes; what was found of each, in s and in MB."""

    shape: str
    moving: list[Tensor]
    modes: dict[str, Mode]
    seconds: dict[str, float]
    megabytes: dict[str, float]

    @classmethod
    def of(cls, shape: str, moving: list[Tensor], modes: dict[str, Mode]) -> Case:
        return cls(shape, moving, modes, dict.fromkeys(modes, torch.inf), {})

    def ratio(self, of: Ratio) -> float | None:
        found = self.megabytes if of.memory else self.seconds
        return found[of.one] / found[of.other] if of.one in found and of.other in found else None


def of_losses(width: int, teacher: int, dtype: torch.dtype, tokens: int, vocab: int) -> Case:
    torch.manual_seed(0)
    shapes = ((tokens, width), (vocab, width), (tokens, teacher), (vocab, teacher))
    x, w, t, u = (torch.randn(shape, dtype=dtype) for shape in shapes)
    w, u = w * 2 * width**-0.5, u * 2 * teacher**-0.5
    labels = torch.randint(vocab, (tokens,))
    labels[::IGNORED] = -100
    moving = [x.requires_grad_(), w.requires_grad_()]
    ours = partial(divergence, x, w, t, u, temperature=TEMPERATURE)
    modes: dict[str, Mode] = {
        "products": lambda: products(x, w, t, u),
        "KL, naive": lambda: naive_divergence(x, w, t, u),
        "KL, ours": lambda: ours().backward(),
        "JSD, TRL's formula": lambda: trl_jensen_shannon(x, w, t, u),
        "JSD, ours": lambda: ours(kind="jensen_shannon").backward(),
        "CE, naive": lambda: functional.cross_entropy(logits(x, w), labels, reduction="sum").backward(),
        "CE, ours": lambda: cross_entropy(x, w, labels).backward(),
    }
    if hasattr(torch.nn, "LinearCrossEntropyOptions"):
        chunked = partial(functional.linear_cross_entropy, options=torch.nn.LinearCrossEntropyOptions())
        modes["CE, torch's chunks"] = lambda: chunked(x, w, labels, reduction="sum").backward()
    name = str(dtype).removeprefix("torch.")
    return Case.of(f"{name}, N {tokens}, V {vocab}, D {width}, E {teacher}", moving, modes)


def logits(x: Tensor, w: Tensor) -> Tensor:
    return (x @ w.T).float()


def products(x: Tensor, w: Tensor, t: Tensor, u: Tensor) -> None:
    """What a divergence cannot do without."""
    with torch.no_grad():
        z, _teacher = x @ w.T, t @ u.T
        _back = z @ w, z.T @ x


def log_softmaxes(x: Tensor, w: Tensor, t: Tensor, u: Tensor) -> tuple[Tensor, Tensor]:
    with torch.no_grad():
        log_p = functional.log_softmax(logits(t, u) / TEMPERATURE, -1)
    return functional.log_softmax(logits(x, w) / TEMPERATURE, -1), log_p


def naive_divergence(x: Tensor, w: Tensor, t: Tensor, u: Tensor) -> None:
    log_q, log_p = log_softmaxes(x, w, t, u)
    functional.kl_div(log_q, log_p, reduction="sum", log_target=True).backward()


def trl_jensen_shannon(x: Tensor, w: Tensor, t: Tensor, u: Tensor, beta: float = 0.5) -> None:
    (log_q, log_p), share = log_softmaxes(x, w, t, u), torch.tensor(beta)
    log_m = torch.logsumexp(torch.stack([log_q + torch.log1p(-share), log_p + share.log()]), 0)
    by_teacher = functional.kl_div(log_m, log_p, reduction="none", log_target=True)
    by_student = functional.kl_div(log_m, log_q, reduction="none", log_target=True)
    (share * by_teacher + (1 - share) * by_student).sum().backward()


def of_attention(rows: int, length: int, document: int) -> Case:
    q, k, v = (torch.randn(rows, length, heads, 64).transpose(1, 2).requires_grad_() for heads in (8, 2, 2))
    documents = torch.arange(length).div(document, rounding_mode="floor").expand(rows, length)
    packing = Packing.of(documents)
    mask = packing.visible(length, None, documents.device)
    masked = partial(functional.scaled_dot_product_attention, attn_mask=mask, enable_gqa=True)
    modes: dict[str, Mode] = {
        "attention, mask": lambda: masked(q, k, v).sum().backward(),
        "attention, ours": lambda: attention(q, k, v, packing).sum().backward(),
    }
    return Case.of(f"{rows} x {length} in documents of {document}", [q, k, v], modes)


def cases(quick: bool) -> list[Case]:
    tokens, vocab = (256, 4096) if quick else (TOKENS, VOCAB)
    few = slice(1 if quick else None)
    losses = [of_losses(*widths, dtype, tokens, vocab) for dtype in DTYPES for widths in WIDTHS[few]]
    return losses + [of_attention(*packed) for packed in PACKED[few]]


def weigh(mode: Mode, small: Mode) -> float:
    """MB of memory that a mode needs, in a process that ends with it; a small one has loaded the code."""
    read, write = os.pipe()
    if os.fork() == 0:
        small()
        ctypes.CDLL(None).malloc_trim(0)  # else memory that somebody freed would serve this mode unseen
        Path("/proc/self/clear_refs").write_text("5")
        before = _peak()
        mode()
        os.write(write, str(_peak() - before).encode())
        os._exit(0)
    os.close(write)
    os.wait()
    with open(read) as told:
        return float(told.read())


def _peak() -> float:
    return int(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1]) / 1000


def clock(case: Case) -> None:
    """One round of a case's modes in turn; the best time of each stays."""
    for name, mode in case.modes.items():
        for tensor in case.moving:
            tensor.grad = None
        began = time.process_time()
        mode()
        case.seconds[name] = min(case.seconds[name], time.process_time() - began)


def summary(found: list[Case]) -> list[str]:
    lines = ["| ratio | target | median over the shapes | worst |", "|---|---:|---:|---:|"]
    for one in RATIOS:
        ratios = [ratio for case in found if (ratio := case.ratio(one)) is not None]
        if ratios:
            worst = (max if one.less else min)(ratios)
            lines.append(f"| {one.title} | {one.target()} | {statistics.median(ratios):.2f} | {worst:.2f} |")
    return lines


def details(found: list[Case]) -> list[str]:
    lines = ["| shape | mode | s | MB |", "|---|---|---:|---:|"]
    for case in found:
        for name, seconds in case.seconds.items():
            megabytes = f"{case.megabytes[name]:.0f}" if name in case.megabytes else ""
            lines.append(f"| {case.shape} | {name} | {seconds:.3f} | {megabytes} |")
    return lines


def machine() -> str:
    told = re.search(r"model name\s*: (.+)", Path("/proc/cpuinfo").read_text())
    cpu = told[1] if told else platform.machine()
    return f"{cpu}, {torch.backends.cpu.get_cpu_capability()}, one thread; Python {platform.python_version()}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument(
        "--quick", action="store_true", help="one small shape of each: does it run?  writes nothing"
    )
    quick = parser.parse_args().quick
    torch.set_num_threads(1)
    small, found = cases(quick=True), cases(quick)
    for case in small:
        clock(case)
    for case in found:
        for name in WEIGHED & case.modes.keys():
            case.megabytes[name] = weigh(case.modes[name], small[0].modes[name])
    for case in found:
        for _ in range(ROUNDS):
            clock(case)
    told = f"`python bench/kernels_cpu.py`, {date.today()}; {machine()}, torch {torch.__version__}."
    page = "\n".join(
        ["# Losses and packed attention on a CPU", "", told, "", *summary(found), "", *details(found)]
    )
    print(page)
    if not quick:
        PAGE.parent.mkdir(exist_ok=True)
        PAGE.write_text(page + "\n")


if __name__ == "__main__":
    main()
