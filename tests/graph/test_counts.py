"""Parameter counts of every published size, to the unit; the numbers are those of the reports and their releases."""

from fractions import Fraction

import pytest

from lehr.compiler.graph.counts import Shape, active_params, attention_flops_per_token, body_params, params

GQA = {"head_dim": 128}
LLAMA = {"vocab": 128_256, "kv_heads": 8, **GQA}
QWEN = {"qkv_bias": True}
GEMMA = {"vocab": 256_128, "norms": "pre_post", "tied": True}

LLAMA_3_1 = {
    "8B": (Shape(layers=32, width=4096, heads=32, ffn=14336, **LLAMA), 8_030_261_248),
    "70B": (Shape(layers=80, width=8192, heads=64, ffn=28672, **LLAMA), 70_553_706_496),
    "405B": (Shape(layers=126, width=16384, heads=128, ffn=53248, **LLAMA), 405_853_388_800),
}
QWEN_2 = {
    "0.5B": (
        Shape(24, 896, 14, 2, 64, 4864, 151_936, tied=True, qkv_bias=True),
        494_032_768,
        357_898_112,
    ),
    "1.5B": (
        Shape(28, 1536, 12, 2, 128, 8960, 151_936, tied=True, qkv_bias=True),
        1_543_714_304,
        1_310_340_608,
    ),
    "7B": (Shape(28, 3584, 28, 4, 128, 18944, 152_064, qkv_bias=True), 7_615_616_512, 6_525_621_760),
    "72B": (Shape(80, 8192, 64, 8, 128, 29568, 152_064, qkv_bias=True), 72_706_203_648, 70_214_787_072),
}
GEMMA_2 = {
    "2B": (Shape(26, 2304, 8, 4, 256, 9216, **GEMMA), 2_614_636_800, 2_024_517_888),
    "9B": (Shape(42, 3584, 16, 8, 256, 14336, **GEMMA), 9_242_164_736, 8_324_201_984),
    "27B": (Shape(46, 4608, 32, 16, 128, 36864, **GEMMA), 27_227_718_144, 26_047_480_320),
}
QWEN_2_MOE = Shape(
    28, 3584, 28, 4, 128, 18944, 151_936,
    qkv_bias=True, experts=64, active=8, expert_ffn=2560, shared_ffn=20480,
)  # fmt: skip
AFM = Shape(26, 3072, 24, 8, 128, 8064, 49_152, tied=True, qk_norm="head")


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
