"""How much of a batch goes through the model at once.

The choice changes no result but its rounding: losses are sums, divided by the tokens of
the whole step.  It is made of what one sequence is counted to keep and of what the device
has altogether, never of what happens to be free, so that it is the same every time.
"""

from __future__ import annotations

import os
import resource
from collections.abc import Callable, Iterable
from pathlib import Path

import torch
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks

_SHARE = 0.5
"""Of what the state leaves; the rest is for temporaries of the backward pass, the feed and the system."""
_CGROUP = Path("/sys/fs/cgroup/memory.max")


def device_bytes(device: torch.device) -> int:
    """What a device has altogether; on a CPU what the machine, the control group and limits let a process have."""
    if device.type == "cuda":
        return torch.cuda.get_device_properties(device).total_memory
    whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limits = [resource.getrlimit(one)[0] for one in (resource.RLIMIT_AS, resource.RLIMIT_DATA)]
    whole = min([whole, *(limit for limit in limits if limit != resource.RLIM_INFINITY)])
    try:
        return min(whole, int(_CGROUP.read_text()))
    except (OSError, ValueError):
        return whole


def budget(memory: int, state: int) -> int:
    """Bytes that one pass may keep for its backward pass, beside a state of so many."""
    return max(0, int((memory - state) * _SHARE))


def kept_bytes(forward: Callable[[], Tensor], parameters: Iterable[Tensor]) -> int:
    """What a forward pass keeps for its backward pass, each storage once and parameters not at all."""
    known = {parameter.untyped_storage().data_ptr() for parameter in parameters}
    kept: list[Tensor] = []  # alive until the end: a storage that is freed could be another's address

    def note(tensor: Tensor) -> Tensor:
        kept.append(tensor)
        return tensor

    with saved_tensors_hooks(note, lambda tensor: tensor):
        result = forward()
    storages = {(s := tensor.untyped_storage()).data_ptr(): s.nbytes() for tensor in kept}
    del result
    return sum(size for address, size in storages.items() if address not in known)


def rows_at_once(sequences: int, each: int, room: int) -> int:
    """As few passes as fit, of lengths as even as can be; one sequence at a time where not even one fits."""
    most = max(1, min(sequences, room // max(1, each)))
    return -(-sequences // -(-sequences // most))
