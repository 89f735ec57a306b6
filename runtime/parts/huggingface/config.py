"""`config.json` as an `Arch`: what a Hugging Face folder says of its model's shape.  Needs no torch.

Anything that changes what the model computes and that no part does is refused, never passed over.
`written` is the way back.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ....compiler.plan.model import Arch, Experts
from ...errors import StageError
from ..model.door import read_json
from .positions import rope_of

FAMILIES = ("llama", "qwen2", "qwen2_moe", "qwen3", "gemma2")
_ACTIVATIONS = {"silu": "silu", "swish": "silu", "gelu_pytorch_tanh": "gelu_tanh"}
_CHANGES = {
    "attention_bias": False,
    "mlp_bias": False,
    "use_bidirectional_attention": False,
    "partial_rotary_factor": 1.0,
    "mlp_only_layers": [],
    "quantization_config": None,
    "add_cross_attention": False,
}
"""Settings that change the result, with the one value that our parts compute."""


def read(folder: Path) -> tuple[Arch, int]:
    """The shape of the model in a folder, and the longest context that it was made for."""
    if not folder.is_dir():
        raise _no_folder(folder, "there is no such folder")
    if not (folder / "config.json").is_file():
        raise _no_folder(folder, "it has no `config.json`")
    config = Config(read_json(folder / "config.json", 1 << 20), folder / "config.json")
    return arch_of(config), config.whole("max_position_embeddings", 2048)


class Config:
    """A `config.json` whose settings are asked for by name and type."""

    def __init__(self, raw: Mapping[str, Any], path: Path) -> None:
        self.raw, self.path = raw, path

    def whole(self, name: str, default: int | None = None) -> int:
        value = self._get(name, default)
        if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= 1 << 40:
            raise self.refused(f"`{name}` is {value!r}, not a whole number above 0")
        return value

    def number(self, name: str, default: float | None = None) -> float:
        value = self._get(name, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1e30:
            raise self.refused(f"`{name}` is {value!r}, not a number above 0")
        return float(value)

    def cap(self, name: str, default: float | None) -> float | None:
        """A number that may be switched off by null."""
        off = name in self.raw and self.raw[name] is None
        return None if off or (name not in self.raw and default is None) else self.number(name, default)

    def flag(self, name: str, default: bool) -> bool:
        value = self._get(name, default)
        if not isinstance(value, bool):
            raise self.refused(f"`{name}` is {value!r}, neither true nor false")
        return value

    def _get(self, name: str, default: Any) -> Any:
        value = self.raw.get(name)
        value = default if value is None else value
        if value is None:
            raise self.refused(f"`{name}` is missing")
        return value

    def refused(self, what: str, *help: str) -> StageError:
        return StageError("RUN122", "unknown-architecture", f"{self.path}: {what}", help=help)


def arch_of(config: Config) -> Arch:
    family = config.raw.get("model_type")
    if family not in FAMILIES:
        known = ", ".join(FAMILIES)
        raise config.refused(f"`model_type` is {family!r}", f"the architectures that are known: {known}")
    for name, only in _CHANGES.items():
        if config.raw.get(name) not in (None, only):
            raise config.refused(f"`{name}` is {config.raw[name]!r}, which no part computes")
    gemma = family == "gemma2"
    heads, width = config.whole("num_attention_heads"), config.whole("hidden_size")
    head_dim = config.whole("head_dim", {"gemma2": 256, "qwen3": 128}.get(family) or max(1, width // heads))
    layers = config.whole("num_hidden_layers")
    rope, scaling = rope_of(config)
    return Arch(
        layers=layers,
        width=width,
        heads=heads,
        kv_heads=config.whole("num_key_value_heads", heads),
        head_dim=head_dim,
        ffn=config.whole("intermediate_size"),
        vocab=config.whole("vocab_size"),
        rope=rope,
        tied=config.flag("tie_word_embeddings", gemma),
        norm_eps=config.number("rms_norm_eps", 1e-6),
        rope_scaling=scaling,
        activation=_activation(config, "hidden_activation" if gemma else "hidden_act"),
        qkv_bias=family == "qwen2" or (family == "qwen2_moe" and config.flag("qkv_bias", True)),
        qk_norm="head" if family == "qwen3" else "none",
        norms="pre_post" if gemma else "pre",
        norm_offset=gemma,
        embed_scale=gemma,
        query_scale=_query_scale(config, head_dim) if gemma else None,
        window=_window(config, family, layers),
        attention_cap=config.cap("attn_logit_softcapping", 50.0) if gemma else None,
        final_cap=config.cap("final_logit_softcapping", 30.0) if gemma else None,
        experts=_experts(config) if family == "qwen2_moe" else None,
    )


def _activation(config: Config, name: str) -> Any:
    value = config.raw.get(name, "gelu_pytorch_tanh" if name == "hidden_activation" else "silu")
    if not isinstance(value, str) or value not in _ACTIVATIONS:
        raise config.refused(f"`{name}` is {value!r}", f"the activations known: {', '.join(_ACTIVATIONS)}")
    return _ACTIVATIONS[value]


def _query_scale(config: Config, head_dim: int) -> float | None:
    scalar = config.number("query_pre_attn_scalar", 256)
    return None if scalar == head_dim else scalar**-0.5


def _window(config: Config, family: str, layers: int) -> tuple[int | Any, ...]:
    """Each layer's reach, as the shortest stretch that repeats."""
    if family == "llama" or (family != "gemma2" and not config.flag("use_sliding_window", False)):
        return ("full",)
    if config.raw.get("sliding_window", 4096) is None:
        return ("full",)
    size = config.whole("sliding_window", 4096)
    types = config.raw.get("layer_types")
    types = _layer_types(config, family, layers) if types is None else types
    known = {"sliding_attention": size, "full_attention": "full"}
    if not isinstance(types, list) or len(types) != layers or not all(one in known for one in types):
        raise config.refused(f"`layer_types` does not name the attention of {layers} layers: {types!r}")
    reach = tuple(known[one] for one in types)
    return next(
        reach[:n] for n in range(1, layers + 1) if all(reach[i] == reach[i % n] for i in range(layers))
    )


def _layer_types(config: Config, family: str, layers: int) -> list[str]:
    """What each family does where its config does not say."""
    until = config.whole("max_window_layers", 28) if family != "gemma2" else layers
    slides = {
        "gemma2": lambda layer: layer % 2 == 0,
        "qwen2_moe": lambda layer: layer % 2 == 0 and layer < until,
    }.get(family, lambda layer: layer >= until)
    return ["sliding_attention" if slides(layer) else "full_attention" for layer in range(layers)]


def _experts(config: Config) -> Experts:
    return Experts(
        count=config.whole("num_experts", 60),
        active=config.whole("num_experts_per_tok", 4),
        ffn=config.whole("moe_intermediate_size", 1408),
        shared_ffn=config.whole("shared_expert_intermediate_size", 5632),
        renormalise=config.flag("norm_topk_prob", False),
        balance=config.cap("router_aux_loss_coef", 0.001) or 0.0,
        every=config.whole("decoder_sparse_step", 1),
    )


def _no_folder(folder: Path, why: str) -> StageError:
    return StageError(
        "RUN120",
        "no-model-folder",
        f"{folder} is not the Hugging Face folder of a model: {why}",
        help=("a folder has `config.json`, safetensors and `tokenizer.json`",),
    )
