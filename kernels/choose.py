"""Which implementation serves an operation on a device, and why.

The doors of the operations ask here; `lehr explain kernels` prints the answers.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import torch


@dataclass(frozen=True, slots=True)
class Choice:
    """An implementation, and the reason in words."""

    implementation: str
    reason: str


@dataclass(frozen=True, slots=True)
class Machine:
    """What decides: a kind of device, its capability where it has one, and whether Triton is at hand."""

    device: str
    capability: tuple[int, int] = (0, 0)
    triton: str | None = None
    interpreted: bool = False
    """`TRITON_INTERPRET=1`: kernels run in Python, on the CPU, for tests."""


@torch.compiler.assume_constant_result
def machine(device: torch.device) -> Machine:
    """The machine that this process sees under a device; `torch.compile` asks once and writes the answer down."""
    version, interpreted = _triton()
    if device.type != "cuda":
        return Machine(device.type, triton=version, interpreted=interpreted)
    return Machine("cuda", torch.cuda.get_device_capability(device), version, interpreted)


@cache
def _triton() -> tuple[str | None, bool]:
    try:
        from triton import __version__, knobs
    except ImportError:
        return None, False
    return __version__, knobs.runtime.interpret


_WIDEST = 256
_HOPPER = 9
"""For its copy engine and 227 KB of shared memory; compiled for sm_89 they spill, and some ask for 144 of 99 KB."""
_BYTES = 16
"""The Hopper's tensor memory accelerator reads rows at multiples of so many bytes."""


def attention(
    here: Machine,
    dtype: torch.dtype,
    width: int,
    *,
    documents: bool = False,
    short: bool = False,
    window: int | None = None,
    cap: float | None = None,
) -> Choice:
    """For heads of `width` channels: `triton`, `sdpa` (torch's own), `bands` (the CPU's) or `reference`.

    Rows of documents are `short` where moving these would cost more than a mask.
    """
    plain = window is None and cap is None and not documents
    if lacks := _lacks(here, dtype, width):
        if here.device == "cpu":
            return _attention_on_cpu(documents, short, window, cap)
        if cap is None:
            return Choice("sdpa", f"{lacks}; torch's own attention" + ("" if plain else ", with a mask"))
        return Choice("reference", f"{lacks}, and torch's attention has no soft cap")
    return Choice("triton", "reads only what is seen, and adds in one order: two runs agree to the bit")


def _attention_on_cpu(documents: bool, short: bool, window: int | None, cap: float | None) -> Choice:
    if not documents and window is None and cap is None:
        return Choice("sdpa", "torch's flash attention for the CPU, heads grouped as they are")
    if short and window is None and cap is None:
        return Choice("sdpa", "rows so short that a mask costs less than moving their documents")
    reasons = (
        ("documents of like length run together", documents),
        ("bands of queries beside the keys that they see", window is not None),
        ("tiles whose capped scores the backward pass works out again", cap is not None),
    )
    return Choice("bands", "; ".join(reason for reason, holds in reasons if holds))


@cache
def loss(here: Machine, dtype: torch.dtype) -> Choice:
    """For the losses of an unembedding: `triton`, or `blocks` of plain torch operations."""
    if lacks := _lacks_triton(here, dtype):
        return Choice("blocks", f"{lacks}; blocks of logits that stay in a cache, each beside its gradient")
    return Choice("triton", "a row of logits becomes its gradient in the same memory")


def _lacks(here: Machine, dtype: torch.dtype, width: int) -> str | None:
    """Why Triton's attention cannot serve."""
    if lacks := _lacks_triton(here, dtype):
        return lacks
    if dtype == torch.float32 and not here.interpreted:
        return "the tiles of its kernels are for 16 bits"
    if here.device == "cuda" and here.capability[0] != _HOPPER:
        return f"the tiles of its kernels are for capability {_HOPPER}.0"
    if width > _WIDEST:
        return f"heads of {width} channels are wider than {_WIDEST}"
    if width * dtype.itemsize % _BYTES:
        return f"heads of {width} channels are no multiple of {_BYTES} bytes"
    return None


def _lacks_triton(here: Machine, dtype: torch.dtype) -> str | None:
    """Why Triton cannot serve anything."""
    if here.triton is None:
        return "Triton is not installed"
    if here.device != "cuda" and not here.interpreted:
        return f"Triton has no `{here.device}`"
    if here.device == "cuda" and here.capability < (8, 0):
        return f"capability {here.capability[0]}.{here.capability[1]} has no bf16"
    if dtype == torch.float64 and not here.interpreted:
        return "fp64 is for tests"
    return None
