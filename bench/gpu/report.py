"""What is told of the races: a table of what each way took, and one of what was wanted."""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Iterator, Sequence
from importlib.metadata import PackageNotFoundError, version

import torch

from gpu.race import OURS, Result


def page(results: Sequence[Result], device: str, *, real: bool = True) -> str:
    """Whole, and without a verdict where it was only rehearsed."""
    return "\n".join(
        [f"# Kernels on {device}", "", *_versions(), "", *_taken(results), "", *_wanted(results, real), ""]
    )


def _versions() -> Iterator[str]:
    yield f"`bench/kernels_gpu.py`, torch {torch.__version__} (CUDA {torch.version.cuda}),"
    told = []
    for name in ("triton", "liger_kernel"):
        try:
            told.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            told.append(f"{name} not installed")
    yield ", ".join(told) + "."
    yield "Medians, after every kernel of ours was found right beside its definition in fp64."


def _taken(results: Sequence[Result]) -> Iterator[str]:
    yield "| race | shape | way | ms | MB beside the inputs | from fp64 |"
    yield "|---|---|---|---:|---:|---:|"
    for result in results:
        start = f"| {result.race.title} | {result.race.shape}"
        for name, one in result.taken.items():
            away = f"{result.error:.0e}" if name == OURS else ""
            yield f"{start} | {name} | {one.ms:.3f} | {one.mb:.0f} | {away} |"
        for name, why in result.lacking.items():
            yield f"{start} | {name} | not measured: {why} | | |"


def _wanted(results: Sequence[Result], real: bool) -> Iterator[str]:
    yield "| wanted | at least | median over the shapes | worst | |"
    yield "|---|---:|---:|---:|---|"
    ratios: dict[tuple[str, float], list[float]] = defaultdict(list)
    for result in results:
        for target in result.race.targets:
            peer = result.taken.get(target.peer)
            ratio = peer.ms / result.taken[OURS].ms if peer else math.nan
            ratios[target.title, target.least].append(ratio)
    for (title, least), found in ratios.items():
        middle, worst = statistics.median(found), min(found)
        said = _verdict(middle >= least, real and not math.isnan(sum(found)))
        yield f"| {title} | {least:.2f} | {middle:.2f} | {worst:.2f} | {said} |"
    for result in results:
        if (most := result.race.most_mb) is not None:
            mb = result.taken[OURS].mb
            said = _verdict(mb < most, real)
            yield f"| {result.race.title}: MB, at most | {most:.0f} | {mb:.0f} | {mb:.0f} | {said} |"


def _verdict(is_met: bool, is_measured: bool) -> str:
    return "not measured" if not is_measured else "met" if is_met else "missed"
