"""Small models of every family, for tests: the shape of each, and the class of transformers that computes it."""

from lehr.compiler.plan.model import Arch, Experts, RopeScaling

_SMALL = Arch(
    layers=4,
    width=32,
    heads=4,
    kv_heads=2,
    head_dim=8,
    ffn=48,
    vocab=96,
    rope=10_000.0,
    tied=False,
    norm_eps=1e-5,
)
_EXPERTS = Experts(count=16, active=8, ffn=12, shared_ffn=24, renormalise=False, balance=0.001, every=1)


def _like(**changes: object) -> Arch:
    return _SMALL.model_copy(update=changes)


FAMILIES: dict[str, Arch] = {
    "llama": _like(
        rope=500_000.0,
        rope_scaling=RopeScaling(method="llama3", factor=8.0, original=16, low=1.0, high=4.0),
    ),
    "qwen2": _like(qkv_bias=True, norm_eps=1e-6),
    "qwen2_tied": _like(qkv_bias=True, tied=True),
    "qwen2_moe": _like(qkv_bias=True, experts=_EXPERTS),
    "afm": _like(qk_norm="head", tied=True, head_dim=16),
    "gemma2": _like(
        tied=True,
        norms="pre_post",
        norm_offset=True,
        embed_scale=True,
        activation="gelu_tanh",
        query_scale=1 / 6,
        window=(8, "full"),
        attention_cap=5.0,
        final_cap=3.0,
        norm_eps=1e-6,
    ),
}
"""One of each; windows are shorter and caps lower than the real ones, so that they bite."""

VARIANTS: dict[str, Arch] = FAMILIES | {
    "llama_plain": _like(),
    "llama_linear": _like(
        rope_scaling=RopeScaling(method="linear", factor=4.0, original=512, low=None, high=None)
    ),
    "llama_yarn": _like(
        rope_scaling=RopeScaling(method="yarn", factor=4.0, original=16, low=None, high=None)
    ),
    "qwen2_windows": _like(qkv_bias=True, window=("full", "full", 8, 8)),
    "moe_some_layers": _like(
        experts=_EXPERTS.model_copy(update={"every": 2, "active": 3, "renormalise": True})
    ),
    "afm_yarn": _like(
        qk_norm="head", rope_scaling=RopeScaling(method="yarn", factor=8.0, original=32, low=1.0, high=16.0)
    ),
    "gemma2_9b_scale": _like(
        tied=True,
        norms="pre_post",
        norm_offset=True,
        embed_scale=True,
        activation="gelu_tanh",
        window=(16, "full"),
        attention_cap=50.0,
        final_cap=30.0,
    ),
}
