"""In which settings two shapes compute differently."""

from __future__ import annotations

from math import isclose
from typing import Any

from ....compiler.plan.model import Arch


def differing(first: Arch, second: Arch) -> list[tuple[str, Any, Any]]:
    """Settings by name with both values; how much a balance loss weighs changes nothing of a model."""
    one, other = _settings(first), _settings(second)
    pairs = [(name, one.get(name), other.get(name)) for name in sorted(one.keys() | other.keys())]
    return [(name, a, b) for name, a, b in pairs if a != b and not _close(a, b)]


def _settings(arch: Arch) -> dict[str, Any]:
    """Every setting by its path, with the defaults that formulas fill in."""
    found = arch.model_dump()
    found["query_scale"] = arch.query_scale or arch.head_dim**-0.5
    found["window"] = tuple(arch.window[layer % len(arch.window)] for layer in range(arch.layers))
    if arch.experts:
        found["experts"] = arch.experts.model_copy(update={"balance": 0.0}).model_dump()
    scaling = arch.rope_scaling
    if scaling:
        low, high = (1.0, 32.0) if scaling.method == "yarn" else (1.0, 4.0)
        filled: dict[str, Any] = {"low": scaling.low or low, "high": scaling.high or high}
        if scaling.method == "linear":  # which knows neither bounds nor a former context
            filled = {"low": None, "high": None, "original": 0}
        found["rope_scaling"] = scaling.model_copy(update=filled).model_dump()
    for name in ("experts", "rope_scaling"):
        inner = found.pop(name) or {name: None}
        found |= {f"{name}.{key}" if key != name else name: value for key, value in inner.items()}
    return found


def _close(one: Any, other: Any) -> bool:
    return isinstance(one, float) and isinstance(other, float) and isclose(one, other, rel_tol=1e-6)
