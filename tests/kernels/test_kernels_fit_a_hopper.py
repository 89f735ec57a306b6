"""The kernels compiled for sm_90, of which none needs to be there: a handful here, every one in `make proofs`."""

import os

import pytest
import torch

pytest.importorskip("triton")

from hopper.cases import of_attention, of_cross_entropy, of_divergence, of_log_sums
from hopper.compiled import SHARED, Case, compiled

WIDEST = of_attention(256, torch.float16, documents=True, window=1024, cap=50.0)
SOME = [
    *of_attention(128),
    *(case for case in WIDEST if case.kernel == "backward_keys"),
    of_cross_entropy(1, False),
    of_cross_entropy(64, True),
    of_divergence("jensen_shannon"),
    of_log_sums("bf16"),
]
"""The plainest of the size that most models have, and of the largest what takes most registers."""


@pytest.mark.skipif(os.environ.get("TRITON_INTERPRET") == "1", reason="compiles nothing")
@pytest.mark.parametrize("case", SOME, ids=str)
def test_a_kernel_fits_a_hopper(case: Case):
    taken = compiled(case)
    assert taken.stack == 0
    assert taken.shared <= SHARED
    assert (taken.wgmma > 0) == case.products
