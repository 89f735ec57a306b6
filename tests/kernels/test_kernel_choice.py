"""What serves a loss, and that the compiler counts the same memory for it."""

import pytest
import torch

from lehr.compiler.plan.cost import memory
from lehr.kernels import choose
from lehr.kernels.cross_entropy.choice import CHUNK, FEWEST, chunk_of


def test_the_plan_counts_the_chunks_that_the_losses_make():
    assert (memory.CHUNK, memory.FEWEST) == (CHUNK, FEWEST)


def test_a_small_vocabulary_is_few_chunks_and_a_large_one_still_has_tokens_to_multiply():
    assert [chunk_of("cpu", vocab) for vocab in (1024, 32_768, 262_144)] == [2048, 256, 256]
    assert [chunk_of("cuda", vocab) for vocab in (32_768, 262_144)] == [16_384, 2048]


@pytest.mark.parametrize(
    ("here", "dtype", "served", "why"),
    [
        (choose.Machine("cuda", (9, 0), "3.9.0"), torch.bfloat16, "triton", "same memory"),
        (choose.Machine("cuda", (9, 0), None), torch.bfloat16, "blocks", "not installed"),
        (choose.Machine("cuda", (7, 5), "3.9.0"), torch.float16, "blocks", "7.5"),
        (choose.Machine("cpu", triton="3.9.0"), torch.float32, "blocks", "no `cpu`"),
        (choose.Machine("cpu", triton="3.9.0", interpreted=True), torch.float64, "triton", "same memory"),
    ],
)
def test_what_serves_a_loss(here: choose.Machine, dtype: torch.dtype, served: str, why: str):
    choice = choose.loss(here, dtype)
    assert choice.implementation == served
    assert why in choice.reason


def test_on_a_gpu_only_what_has_tiles_of_its_own_goes_to_the_attention_kernels():
    here = choose.Machine("cuda", (9, 0), "3.9.0")
    served = {
        dtype: choose.attention(here, dtype, 128).implementation for dtype in (torch.bfloat16, torch.float32)
    }
    assert served == {torch.bfloat16: "triton", torch.float32: "sdpa"}
    assert choose.loss(here, torch.float32).implementation == "triton"


@pytest.mark.parametrize("capability", [(8, 0), (8, 9), (10, 0), (12, 0)])
def test_the_attention_kernels_are_for_a_hopper_alone(capability: tuple[int, int]):
    here = choose.Machine("cuda", capability, "3.9.0")
    assert choose.attention(here, torch.bfloat16, 128).implementation == "sdpa"
    assert choose.loss(here, torch.bfloat16).implementation == "triton"
