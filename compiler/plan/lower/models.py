"""Models that come without training: drawn, loaded, upcycled, merged; and shapes with their defaults."""

from __future__ import annotations

from fractions import Fraction

from ...graph.blocks.arch import Arch
from ...graph.blocks.init import Init
from ...graph.blocks.load import Load
from ...graph.blocks.merge import Merge
from ...graph.blocks.upcycle import Upcycle
from ...graph.counts import head_dim, kv_heads
from ...graph.schema import Block
from ...graph.values import Pick, Ref
from .. import files, model
from .data import one_model, tokenizer
from .drafts import Drafts


def made(drafts: Drafts, block: Block) -> None:
    """The step of a stage that makes a model without training it."""
    match block:
        case Init():
            shape = arch(drafts.block(block.arch.address, Arch))
            work = model.InitWork(arch=shape, std=float(block.std), rng=drafts.rng(block.rng))
            drafts.add(block.address, block, work, {"tokenizer": tokenizer(drafts, block.ref)})
        case Load():
            shape = arch(drafts.block(block.arch.address, Arch)) if block.arch else None
            work = model.LoadWork(folder=files.file(block.path), arch=shape)
            inputs = {"tokenizer": tokenizer(drafts, block.ref)} if block.tokenizer else {}
            drafts.add(block.address, block, work, inputs)
        case Upcycle():
            work = model.UpcycleWork(
                arch=arch(drafts.block(block.to.address, Arch)),
                shuffle=block.shuffle,  # pyright: ignore[reportArgumentType]
                redraw=block.redraw,
                rng=drafts.rng(block.rng),
            )
            drafts.add(block.address, block, work, {"model": one_model(drafts, block.origin)})
        case Merge():
            _merge(drafts, block)
        case _:
            raise TypeError(f"{block.kind} makes no model")


def _merge(drafts: Drafts, block: Merge) -> None:
    even = (Fraction(1, len(block.of)),) * len(block.of)
    weights = even if block.weights == ("uniform",) else tuple(Fraction(one) for one in block.weights)
    work = model.MergeWork(
        method=block.method,  # pyright: ignore[reportArgumentType]
        weights=() if block.method == "ema" else weights,
        density=block.density,
        rate=float(block.rate) if block.rate is not None else None,
        per=block.per,  # pyright: ignore[reportArgumentType]
        rng=drafts.rng(block.rng),
    )
    inputs = {f"model:{place}": one_model(drafts, one) for place, one in enumerate(block.of)}
    if isinstance(block.base, Ref | Pick):
        inputs["base"] = one_model(drafts, block.base)
    drafts.add(block.address, block, work, inputs | _readers(drafts, block))


def _readers(drafts: Drafts, block: Merge) -> dict[str, str]:
    """The tokenizers of the models, where they are several steps: only a run can tell whether they are one."""
    models = {f"tokenizer:{place}": one for place, one in enumerate(block.of)}
    if isinstance(block.base, Ref | Pick):
        models["tokenizer:base"] = block.base
    found = {role: tokenizer(drafts, one) for role, one in models.items()}
    return found if len(set(found.values())) > 1 else {}


def arch(of: Arch) -> model.Arch:
    """The shape with its defaults filled in."""
    scaling, experts, cap = of.rope_scaling, of.experts, of.softcap
    return model.Arch(
        layers=of.layers,
        width=of.width,
        heads=of.heads,
        kv_heads=kv_heads(of),
        head_dim=head_dim(of),
        ffn=of.ffn,
        vocab=of.vocab,
        rope=float(of.rope),
        tied=of.tied,
        norm_eps=float(of.norm_eps),
        rope_scaling=model.RopeScaling(
            method=scaling.method,  # pyright: ignore[reportArgumentType]
            factor=float(scaling.factor),
            original=scaling.original,
            low=_number(scaling.low),
            high=_number(scaling.high),
        )
        if scaling
        else None,
        activation=of.activation,  # pyright: ignore[reportArgumentType]
        qkv_bias=of.qkv_bias,
        qk_norm=of.qk_norm,  # pyright: ignore[reportArgumentType]
        norms=of.norms,  # pyright: ignore[reportArgumentType]
        norm_offset=of.norm_offset,
        embed_scale=of.embed_scale,
        query_scale=_number(of.query_scale),
        window=of.window,  # pyright: ignore[reportArgumentType]
        attention_cap=_number(cap.attention) if cap else None,
        final_cap=_number(cap.final) if cap else None,
        experts=model.Experts(
            count=experts.count,
            active=experts.active,
            ffn=experts.ffn,
            shared_ffn=experts.shared_ffn or experts.shared * experts.ffn,
            renormalise=experts.renormalise,
            balance=float(experts.balance),
            every=experts.every,
        )
        if experts
        else None,
    )


def _number(value: Fraction | None) -> float | None:
    return None if value is None else float(value)
