"""An `Arch` as `config.json`: the Hugging Face class that computes the same, or none.  Needs no torch."""

from __future__ import annotations

from collections.abc import Iterator
from math import isclose
from typing import Any, TypeVar

from ....compiler.plan.model import Arch
from ...errors import LehrError, StageError
from .positions import rope_parameters

Letter = TypeVar("Letter", bound=LehrError)

_CLASSES = {
    "llama": "LlamaForCausalLM",
    "qwen2": "Qwen2ForCausalLM",
    "qwen2_moe": "Qwen2MoeForCausalLM",
    "qwen3": "Qwen3ForCausalLM",
    "gemma2": "Gemma2ForCausalLM",
}


def family(arch: Arch) -> str:
    """The class that has the parts of an arch; what it cannot do is told by `lacking`."""
    if arch.norms == "pre_post":
        return "gemma2"
    if arch.experts:
        return "qwen2_moe"
    if arch.qk_norm != "none":
        return "qwen3"
    return "qwen2" if arch.qkv_bias else "llama"


def lacking(arch: Arch) -> Iterator[str]:
    """Settings for which that class has no place."""
    of = family(arch)
    gemma = of == "gemma2"
    asked: dict[str, bool] = {
        "qk_norm": arch.qk_norm != ("head" if of == "qwen3" else "none"),
        "qkv_bias": arch.qkv_bias and of not in ("qwen2", "qwen2_moe"),
        "norm_offset": arch.norm_offset != gemma,
        "embed_scale": arch.embed_scale != gemma,
        "activation": not gemma and arch.activation != "silu",
        "query_scale": not _has_query_scale(arch, gemma),
        "attention_cap": not gemma and arch.attention_cap is not None,
        "final_cap": not gemma and arch.final_cap is not None,
        "window": len({*arch.window} - {"full"}) > (0 if of == "llama" else 1),
        "experts": bool(arch.experts) and (gemma or not arch.experts.shared_ffn),  # pyright: ignore[reportOptionalMemberAccess]
        "head_dim": of in ("llama", "gemma2") and arch.width % arch.heads != 0,
    }
    yield from (name for name, lacks in asked.items() if lacks)


def no_class(arch: Arch, kind: type[Letter], step: str | None = None) -> Letter:
    """The letter about a model that no class computes."""
    missing = ", ".join(f"`{name}`" for name in lacking(arch))
    nearest = _CLASSES[family(arch)]
    return kind(
        "RUN126",
        "no-such-class",
        f"no class of Hugging Face computes this model: {nearest}, the nearest, has another {missing}",
        help=("release it with `format = safetensors`",),
        step=step,
    )


def config(arch: Arch, context: int, begin: int | None, end: int | None) -> dict[str, Any]:
    """`config.json`; refused where no class computes the same."""
    of = family(arch)
    if any(lacking(arch)):
        raise no_class(arch, StageError)
    return {
        "architectures": [_CLASSES[of]],
        "model_type": of,
        "dtype": "float32",
        "vocab_size": arch.vocab,
        "hidden_size": arch.width,
        "intermediate_size": arch.ffn,
        "num_hidden_layers": arch.layers,
        "num_attention_heads": arch.heads,
        "num_key_value_heads": arch.kv_heads,
        "head_dim": arch.head_dim,
        "hidden_activation" if of == "gemma2" else "hidden_act": _activation(arch),
        "max_position_embeddings": context,
        "rms_norm_eps": arch.norm_eps,
        "tie_word_embeddings": arch.tied,
        "rope_parameters": rope_parameters(arch),
        "attention_dropout": 0.0,
        "bos_token_id": begin,
        "eos_token_id": end,
        "pad_token_id": None,
        "use_cache": True,
        **_own(arch, of),
    }


def _activation(arch: Arch) -> str:
    return "silu" if arch.activation == "silu" else "gelu_pytorch_tanh"


def _own(arch: Arch, of: str) -> dict[str, Any]:
    """What one class alone is asked."""
    match of:
        case "llama":
            return {"attention_bias": False, "mlp_bias": False}
        case "gemma2":
            return _windows(arch) | {
                "attention_bias": False,
                "query_pre_attn_scalar": _scalar(arch),
                "attn_logit_softcapping": arch.attention_cap,
                "final_logit_softcapping": arch.final_cap,
            }
        case "qwen2_moe":
            experts = arch.experts
            assert experts
            return _windows(arch) | {
                "qkv_bias": arch.qkv_bias,
                "num_experts": experts.count,
                "num_experts_per_tok": experts.active,
                "moe_intermediate_size": experts.ffn,
                "shared_expert_intermediate_size": experts.shared_ffn,
                "norm_topk_prob": experts.renormalise,
                "router_aux_loss_coef": experts.balance,
                "decoder_sparse_step": experts.every,
                "mlp_only_layers": [],
            }
        case _:
            return _windows(arch) | ({"attention_bias": False} if of == "qwen3" else {})


def _windows(arch: Arch) -> dict[str, Any]:
    reach = [arch.window[layer % len(arch.window)] for layer in range(arch.layers)]
    sizes = [one for one in reach if one != "full"]
    types = ["full_attention" if one == "full" else "sliding_attention" for one in reach]
    told: dict[str, Any] = {"layer_types": types, "sliding_window": sizes[0] if sizes else None}
    return told if family(arch) == "gemma2" else told | {"use_sliding_window": bool(sizes)}


def _scalar(arch: Arch) -> int:
    return arch.head_dim if arch.query_scale is None else round(arch.query_scale**-2)


def _has_query_scale(arch: Arch, gemma: bool) -> bool:
    """Gemma 2 keeps 1 / scale², a whole number; the others know 1 / √head_dim alone."""
    if arch.query_scale is None:
        return True
    scalar = _scalar(arch) if gemma else arch.head_dim
    return isclose(arch.query_scale, scalar**-0.5, rel_tol=1e-9)
