"""What serves a loss, and that the compiler counts the same memory for it."""

from lehr.compiler.plan.cost import memory
from lehr.kernels.cross_entropy.choice import CHUNK, FEWEST, chunk_of


def test_the_plan_counts_the_chunks_that_the_losses_make():
    assert (memory.CHUNK, memory.FEWEST) == (CHUNK, FEWEST)


def test_a_small_vocabulary_is_few_chunks_and_a_large_one_still_has_tokens_to_multiply():
    assert [chunk_of("cpu", vocab) for vocab in (1024, 32_768, 262_144)] == [2048, 256, 256]
    assert [chunk_of("cuda", vocab) for vocab in (32_768, 262_144)] == [16_384, 2048]
