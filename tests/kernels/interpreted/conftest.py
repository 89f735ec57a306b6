"""Triton's kernels in its interpreter, which has to be chosen before a kernel is read: a process of its own.

`tests/kernels/test_kernels_interpreted.py` starts it; by hand it is
`TRITON_INTERPRET=1 pytest tests/kernels/interpreted`.
"""

import os
from collections.abc import Iterator

import pytest
import torch

if os.environ.get("TRITON_INTERPRET") != "1":
    collect_ignore_glob = ["*"]


@pytest.fixture(autouse=True)
def nothing_unwritten() -> Iterator[None]:
    """Memory that nobody has written is full of NaN, so that whoever reads it is found out."""
    torch.use_deterministic_algorithms(True)
    assert torch.empty(3).isnan().all()
    yield
    torch.use_deterministic_algorithms(False)
