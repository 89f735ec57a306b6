"""The base and the stretch of rotary positions in a `config.json`, in the words of transformers 4 and 5."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from ....compiler.plan.model import Arch, RopeScaling

if TYPE_CHECKING:
    from .config import Config

_METHODS = ("linear", "llama3", "yarn")


def rope_of(config: Config) -> tuple[float, RopeScaling | None]:
    """transformers 5 writes `rope_parameters`, 4 wrote `rope_theta` and `rope_scaling`."""
    base = config.number("rope_theta", 10_000.0)
    found = config.raw.get("rope_parameters")
    found = config.raw.get("rope_scaling") if found is None else found
    if found is None:
        return base, None
    if not isinstance(found, dict):
        raise config.refused(f"`rope_parameters` is {found!r}")
    inner = type(config)(cast("dict[str, Any]", found), config.path)
    base = inner.number("rope_theta", base)
    method = inner.raw.get("rope_type", inner.raw.get("type", "default"))
    if method == "default":
        return base, None
    if method not in _METHODS:
        raise config.refused(
            f"`rope_type` is {method!r}", f"the stretches of positions known: {', '.join(_METHODS)}"
        )
    for name in ("attention_factor", "mscale", "mscale_all_dim", "partial_rotary_factor"):
        if inner.raw.get(name) not in (None, 1.0 if name == "partial_rotary_factor" else None):
            raise config.refused(f"`{name}` of the positions is {inner.raw[name]!r}, which no part computes")
    if method == "yarn" and not inner.flag("truncate", True):
        raise config.refused("`truncate` of the positions is false, which no part computes")
    return base, _scaling(config, inner, method)


def _scaling(config: Config, inner: Config, method: Any) -> RopeScaling:
    factor, longest = inner.number("factor"), config.whole("max_position_embeddings", 2048)
    if factor < 1:
        raise config.refused(f"`factor` of the positions is {factor}, which shrinks them")
    if method == "linear":
        original = max(1, round(longest / factor))
        return RopeScaling(method="linear", factor=factor, original=original, low=None, high=None)
    low, high = ("beta_slow", "beta_fast") if method == "yarn" else ("low_freq_factor", "high_freq_factor")
    bounds = (1.0, 32.0) if method == "yarn" else (None, None)
    return RopeScaling(
        method=method,
        factor=factor,
        original=inner.whole("original_max_position_embeddings", longest),
        low=inner.number(low, bounds[0]),
        high=inner.number(high, bounds[1]),
    )


def rope_parameters(arch: Arch) -> dict[str, Any]:
    """The way back."""
    scaling, base = arch.rope_scaling, {"rope_theta": arch.rope}
    if scaling is None:
        return {"rope_type": "default", **base}
    told = {"rope_type": scaling.method, "factor": scaling.factor, **base}
    if scaling.method == "linear":
        return told
    told["original_max_position_embeddings"] = scaling.original
    if scaling.method == "yarn":
        return told | {"beta_slow": scaling.low or 1.0, "beta_fast": scaling.high or 32.0}
    return told | {"low_freq_factor": scaling.low or 1.0, "high_freq_factor": scaling.high or 4.0}
