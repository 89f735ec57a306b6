"""A shape as a spec would say it: an `arch` block that reads back as the same shape."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fractions import Fraction

from ..plan.model import Arch, Experts, RopeScaling
from ..text import Source
from .format import formatted


def arch_text(name: str, arch: Arch) -> str:
    """A whole spec with this one block, laid out as `lehr fmt` does."""
    for word in (_word(name), "loaded"):
        lines = "\n".join(_lines(arch))
        text, _ = formatted(Source(f"{word}.lehr", f"lehr 1\n\narch {word} {{\n{lines}\n}}\n"))
        if text is not None:  # a word of the language is no name
            return text
    raise ValueError(f"{arch} has no text")


def _word(name: str) -> str:
    word = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
    return word if word[:1].isalpha() else f"model_{word}".rstrip("_")


def _lines(arch: Arch) -> Iterator[str]:
    yield f"layers = {arch.layers};  width = {_count(arch.width)}"
    yield f"heads = {arch.heads};  kv_heads = {arch.kv_heads};  head_dim = {arch.head_dim}"
    yield f"ffn = {_count(arch.ffn)}"
    yield f"vocab = {_count(arch.vocab)}"
    yield f"rope = {_number(arch.rope)}"
    yield f"tied = {_truth(arch.tied)}"
    yield f"norm_eps = {_number(arch.norm_eps)}"
    for field in ("activation", "qk_norm", "norms"):
        if getattr(arch, field) != Arch.model_fields[field].default:
            yield f"{field} = {getattr(arch, field)}"
    for field in ("qkv_bias", "norm_offset", "embed_scale"):
        if getattr(arch, field):
            yield f"{field} = true"
    if arch.query_scale is not None:
        yield f"query_scale = {_number(arch.query_scale)}"
    if arch.window != ("full",):
        yield f"window = [{', '.join(one if isinstance(one, str) else _context(one) for one in arch.window)}]"
    if arch.rope_scaling:
        yield from _scaling(arch.rope_scaling)
    yield from _caps(arch)
    if arch.experts:
        yield from _experts(arch.experts)


def _scaling(of: RopeScaling) -> Iterator[str]:
    bounds = [f"{name} = {_number(value)}" for name in ("low", "high") if (value := getattr(of, name))]
    said = [f"kind = {of.method}", f"factor = {_number(of.factor)}", f"original = {_context(of.original)}"]
    yield f"rope_scaling {{ {';  '.join([*said, *bounds])} }}"


def _caps(arch: Arch) -> Iterator[str]:
    caps = {"attention": arch.attention_cap, "final": arch.final_cap}
    said = [f"{name} = {_number(cap)}" for name, cap in caps.items() if cap is not None]
    if said:
        yield f"softcap {{ {';  '.join(said)} }}"


def _experts(of: Experts) -> Iterator[str]:
    yield "experts {"
    yield f"count = {of.count};  active = {of.active};  ffn = {_count(of.ffn)}"
    if of.shared_ffn:
        yield f"shared = 1;  shared_ffn = {_count(of.shared_ffn)}"
    if of.renormalise:
        yield "renormalise = true"
    if of.balance:
        yield f"balance = {_number(of.balance)}"
    if of.every != 1:
        yield f"every = {of.every}"
    yield "}"


def _count(value: int) -> str:
    return f"{value:_}" if value >= 10_000 else str(value)


def _context(value: int) -> str:
    return f"{value // 1024}k" if value % 1024 == 0 else f"{value} context"


def _truth(value: bool) -> str:
    return "true" if value else "false"


def _number(value: float) -> str:
    """The shortest text that is this float again: a count, a small fraction, or a decimal."""
    if value == int(value):
        return _count(int(value))
    small = Fraction(value).limit_denominator(1000)
    if small and float(small) == value and len(repr(value)) > 12:
        return f"{small.numerator}/{small.denominator}"
    text = repr(value)
    mantissa, _, power = text.partition("e")
    return f"{mantissa.removesuffix('.0')}e{int(power)}" if power else text
