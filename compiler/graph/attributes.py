"""Derived values by name: what `pretrain.steps` and `dense_405b.params` come to."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

from ..units import EXAMPLES, STEPS, TOKENS, Dims, Quantity
from .blocks.arch import Arch
from .blocks.trained import Trained
from .counts import (
    Shape,
    active_params,
    attention_flops_per_token,
    body_params,
    flops_per_token,
    params,
    shape,
)
from .derive import Derived
from .phases import Course
from .schema import MODELS, TRAINED, Block
from .shares import drawn
from .sizes import examples, tokens
from .values import Fact

Attribute = Callable[[Derived, Block], Any]
"""A quantity, a dict of quantities by corpus, a `Fact`, or None where it cannot be had."""

_PARAMS: Dims = (("params", 1),)
_FLOPS: Dims = (("flops", 1),)


def _of_arch(count: Callable[[Shape], int], dims: Dims) -> Attribute:
    def value(derived: Derived, block: Block) -> Quantity | None:
        arch = block if isinstance(block, Arch) else derived.lineage.arch(block.ref)
        return Quantity(Fraction(count(shape(arch))), dims) if arch else None

    return value


def _of_course(of: Callable[[Derived, Trained, Course], Any]) -> Attribute:
    def value(derived: Derived, block: Block) -> Any:
        if not isinstance(block, Trained):
            return None
        course = derived.length_of(block)
        return of(derived, block, course) if isinstance(course, Course) else course

    return value


def _flops(derived: Derived, stage: Trained, course: Course) -> Quantity | None:
    arch = derived.lineage.arch(stage.ref)
    if arch is None:
        return None
    return Quantity(Fraction(flops_per_token(shape(arch)) * course.tokens), _FLOPS)


def _flops_with_attention(derived: Derived, stage: Trained, course: Course) -> Quantity | None:
    arch, plain = derived.lineage.arch(stage.ref), _flops(derived, stage, course)
    if arch is None or plain is None:
        return None
    attention = sum(
        attention_flops_per_token(shape(arch), stretch.context, arch.window) * stretch.tokens
        for stretch in course.stretches
    )
    return Quantity(plain.value + attention, _FLOPS)


def _size(of: Callable[..., Any], dims: Dims) -> Attribute:
    def value(derived: Derived, block: Block) -> Any:
        found = of(block.ref, derived.get)
        return Quantity(found, dims) if isinstance(found, Fraction) else found or Fact(block.ref, dims[0][0])

    return value


def _drawn(derived: Derived, stage: Trained, course: Course) -> dict[str, Quantity]:
    return {name: Quantity(amount, TOKENS) for name, amount in drawn(course, derived.get).items()}


_COUNTS: dict[str, Attribute] = {
    "params": _of_arch(params, _PARAMS),
    "active_params": _of_arch(active_params, _PARAMS),
    "body_params": _of_arch(body_params, _PARAMS),
}
_COURSE: dict[str, Attribute] = {
    "steps": _of_course(lambda derived, stage, course: Quantity(Fraction(course.steps), STEPS)),
    "tokens": _of_course(lambda derived, stage, course: Quantity(Fraction(course.tokens), TOKENS)),
    "flops": _of_course(_flops),
    "flops_with_attention": _of_course(_flops_with_attention),
    "drawn": _of_course(_drawn),
}
_EXAMPLES, _TOKENS = {"examples": _size(examples, EXAMPLES)}, {"tokens": _size(tokens, TOKENS)}

DERIVED: dict[str, dict[str, Attribute]] = {
    "arch": {
        **_COUNTS,
        "kv_heads": _of_arch(lambda of: of.kv_heads, ()),
        "head_dim": _of_arch(lambda of: of.head_dim, ()),
    },
    **dict.fromkeys(MODELS, _COUNTS),
    **{kind: {**_COUNTS, **_COURSE} for kind in (*TRAINED, "reward")},
    **{kind: {**_EXAMPLES, **_TOKENS} for kind in ("corpus", "curate", "synthesize", "sample")},
    **dict.fromkeys(("prompts", "preferences", "label"), _EXAMPLES),
}
"""By block kind.  A field of the same name that is set goes first."""
