"""Public figures of the devices that a `cluster` may name.

Peak FLOPs are those of dense bf16 matrix products, memory is what the maker prints.
"""

from __future__ import annotations

from .model import Device

_GB, _GIB = 10**9, 2**30

_KNOWN = (
    Device(name="A100", flops=312e12, memory=80 * _GB, source="NVIDIA A100 80GB SXM datasheet, 2022"),
    Device(name="H100", flops=989.4e12, memory=80 * _GB, source="NVIDIA H100 SXM5 whitepaper, 2023"),
    Device(name="H200", flops=989.4e12, memory=141 * _GB, source="NVIDIA H200 SXM datasheet, 2024"),
    Device(
        name="B200",
        flops=2250e12,
        memory=180 * _GB,
        source="NVIDIA DGX B200 datasheet, 2024, an eighth of it",
    ),
    Device(name="TPU-v4", flops=275e12, memory=32 * _GIB, source="Google Cloud TPU v4 documentation"),
    Device(name="TPU-v5p", flops=459e12, memory=95 * _GIB, source="Google Cloud TPU v5p documentation"),
)
DEVICES = {device.name: device for device in _KNOWN}


def device(name: str) -> Device | None:
    """The device of a name as people write it: `H100`, `H100-SXM`, `tpu v5p`."""
    written = _plain(name)
    found = [device for known, device in DEVICES.items() if written.startswith(_plain(known))]
    return found[0] if found else None


def _plain(name: str) -> str:
    return "".join(letter for letter in name.lower() if letter.isalnum()).removeprefix("nvidia")
