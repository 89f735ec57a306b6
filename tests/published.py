"""The models that have been published, by family and size: their shapes and how many parameters they have."""

from lehr.compiler.graph.counts import Shape

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

EVERY = {
    **{f"llama3.1 {size}": shape for size, (shape, _) in LLAMA_3_1.items()},
    **{f"qwen2 {size}": shape for size, (shape, *_) in QWEN_2.items()},
    "qwen2 57B-A14B": QWEN_2_MOE,
    **{f"gemma2 {size}": shape for size, (shape, *_) in GEMMA_2.items()},
    "afm on-device": AFM,
}
