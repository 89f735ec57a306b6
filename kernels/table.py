"""What `choose` answers on a device in every case that it tells apart: the table of `lehr explain kernels`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch

from . import choose
from .choose import Choice, Machine

DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": torch.float32}
CASES: dict[str, dict[str, Any]] = {
    "a document a row": {},
    "packed documents": {"documents": True},
    "packed, short rows": {"documents": True, "short": True},
    "window": {"window": 4096},
    "soft cap": {"cap": 50.0},
    "heads of 512 channels": {"width": 512},
}
"""Of attention; heads have 128 channels where nothing else is said."""

LOSSES = ("cross-entropy", "log-probabilities", "distillation")


@dataclass(frozen=True, slots=True)
class Row:
    """One answer, and the dtypes for which it is the same."""

    operation: str
    case: str
    dtypes: tuple[str, ...]
    implementation: str
    reason: str


def rows(here: Machine) -> Iterator[Row]:
    for case, told in CASES.items():
        ask = partial(choose.attention, here, **{"width": 128} | told)
        yield from _answers("attention", case, lambda dtype, ask=ask: ask(dtype=dtype))
    for case in LOSSES:
        yield from _answers("losses", case, partial(choose.loss, here))


def _answers(operation: str, case: str, ask: Callable[[torch.dtype], Choice]) -> Iterator[Row]:
    said: dict[Choice, list[str]] = {}
    for name, dtype in DTYPES.items():
        said.setdefault(ask(dtype), []).append(name)
    for choice, names in said.items():
        yield Row(operation, case, tuple(names), choice.implementation, choice.reason)


def devices() -> dict[str, Machine]:
    """Those of this machine, each kind of GPU once, by what people call them."""
    found = {"cpu": choose.machine(torch.device("cpu"))}
    for index in range(torch.cuda.device_count()):
        found[torch.cuda.get_device_name(index)] = choose.machine(torch.device("cuda", index))
    return found
