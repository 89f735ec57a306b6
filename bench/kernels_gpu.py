"""Kernels on a GPU beside what people use there: times, memory and ratios, with what is wanted of them.

    make bench-gpu
    python bench/kernels_gpu.py [--dry-run]

Each kernel is held against its definition in fp64 before it is timed.  The page is printed and kept as
`bench/results/kernels-gpu-<device>.md`.  `--dry-run` goes through the same races on a CPU with tiny shapes and
Triton's interpreter, to see that they run: it keeps nothing, and its times say nothing.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from functools import partial
from pathlib import Path

RESULTS = Path(__file__).parent / "results"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--dry-run", action="store_true", help="tiny shapes on a CPU: does it run?")
    dry = parser.parse_args().dry_run
    if dry:
        os.environ["TRITON_INTERPRET"] = "1"  # Triton reads it when it is first imported
    import torch

    device = torch.device("cpu" if dry else "cuda")
    if not dry and (why := lacking()):
        print(f"Nothing was timed: {why}.\nWithout a GPU, --dry-run goes through the races.", file=sys.stderr)
        return 2
    from gpu import attention, losses, report
    from gpu.race import Where, run

    torch.manual_seed(0)
    where, results = Where(device, real=not dry), []
    for races in (attention.races, losses.races):
        results += map(partial(run, where=where), races(where))  # which keeps none of them
    name = "a CPU, rehearsed: no time here says anything" if dry else torch.cuda.get_device_name()
    page = report.page(results, name, real=not dry)
    print(page)
    if not dry:
        RESULTS.mkdir(exist_ok=True)
        slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
        (RESULTS / f"kernels-gpu-{slug}.md").write_text(page)
    return 0


def lacking() -> str | None:
    """Why nothing can be timed here."""
    import torch

    if not torch.cuda.is_available():
        return "torch sees no GPU here"
    from lehr.kernels import choose

    choice = choose.loss(choose.machine(torch.device("cuda")), torch.bfloat16)
    return None if choice.implementation == "triton" else choice.reason


if __name__ == "__main__":
    sys.exit(main())
