"""Parameter counts of every published size, to the unit; the numbers are those of the reports and their releases."""

from fractions import Fraction

import pytest
from published import AFM, GEMMA_2, LLAMA_3_1, QWEN_2, QWEN_2_MOE

from lehr.compiler.graph.counts import Shape, active_params, attention_flops_per_token, body_params, params


@pytest.mark.parametrize("size", LLAMA_3_1)
def test_llama_3_1(size: str):
    shape, total = LLAMA_3_1[size]
    assert params(shape) == total


@pytest.mark.parametrize("size", QWEN_2)
def test_qwen_2(size: str):
    shape, total, body = QWEN_2[size]
    assert (params(shape), body_params(shape)) == (total, body)


@pytest.mark.parametrize("size", GEMMA_2)
def test_gemma_2(size: str):
    shape, total, body = GEMMA_2[size]
    assert (params(shape), body_params(shape)) == (total, body)


def test_qwen_2_moe_counts_all_experts_and_those_that_a_token_meets():
    assert params(QWEN_2_MOE) == 57_408_658_944
    assert active_params(QWEN_2_MOE) == 14_249_270_784


def test_afm_on_device_as_its_open_configuration_has_it():
    assert params(AFM) == 2_737_739_264
    assert body_params(AFM) == 2_586_744_320


def test_a_dense_model_is_active_as_a_whole():
    shape, total, _ = QWEN_2["7B"]
    assert active_params(shape) == total


def test_every_second_layer_with_experts():
    thin = Shape(4, 8, 2, 2, 4, 16, 32, experts=2, active=1, expert_ffn=8, every=2)
    dense = Shape(4, 8, 2, 2, 4, 16, 32)
    assert body_params(thin) - body_params(dense) == 2 * (8 * 2 + 2 * 3 * 8 * 8 - 3 * 8 * 16)


def test_attention_counts_the_positions_that_a_token_sees():
    shape = Shape(2, 8, 2, 2, 4, 16, 32)
    brute = Fraction(sum(range(1, 11)), 10) + Fraction(sum(min(position, 3) for position in range(1, 11)), 10)
    assert attention_flops_per_token(shape, 10, (3, "full")) == 12 * 8 * brute
