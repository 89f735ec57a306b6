"""Blocks that cannot be built: folders outside, heads that do not divide, a vocabulary too small."""

from __future__ import annotations

from fractions import Fraction

from ..diagnostics.diagnostic import Diagnostic, Label
from ..units import digits, is_currency
from .blocks.arch import Arch
from .blocks.calls import Convex, Files
from .blocks.cluster import Cluster
from .blocks.corpus import Corpus
from .blocks.distill import Distill
from .blocks.merge import Merge
from .blocks.pipeline import Pipeline
from .blocks.preferences import Preferences
from .blocks.prompts import Prompts
from .blocks.sft import Sft
from .blocks.tokenizer import Tokenizer
from .counts import head_dim, kv_heads
from .letters import letter
from .values import Pick, Ref

PAD = "<|pad|>"
BYTES = 256
"""Entries of a byte-level vocabulary before anything is learnt."""


def audit_arch(arch: Arch) -> list[Diagnostic]:
    found: list[Diagnostic] = []
    if arch.head_dim is None and arch.width % arch.heads:
        note = f"{digits(arch.width)} / {arch.heads} = {arch.width / arch.heads:.2f}"
        also = (Label(arch.span("width"), "width"),)
        help = ("set `head_dim`, or heads that divide the width",)
        headline = f"the width of `{arch.address}` is not a whole number of heads"
        return [letter("SHP101", headline, arch.span("heads"), also=also, notes=(note,), help=help)]
    if arch.heads % kv_heads(arch):
        headline = (
            f"{arch.heads} heads of `{arch.address}` cannot share {kv_heads(arch)} key-value heads evenly"
        )
        found.append(
            letter(
                "SHP101", headline, arch.span("kv_heads"), also=(Label(arch.span("heads"), "query heads"),)
            )
        )
    experts = arch.experts
    if experts and experts.active > experts.count:
        headline = (
            f"a token of `{arch.address}` meets {experts.active} experts, and there are {experts.count}"
        )
        also = (Label(experts.span("count"), "experts"),)
        found.append(letter("SHP105", headline, experts.span("active"), also=also))
    if head_dim(arch) % 2:
        headline = f"a head of `{arch.address}` has {head_dim(arch)} channels, and rotary positions turn them in pairs"
        found.append(letter("SHP108", headline, arch.span("head_dim" if arch.head_dim else "heads")))
    return found


def audit_currencies(clusters: list[Cluster]) -> list[Diagnostic]:
    """Prices of one spec are in one currency: nothing is converted."""
    priced = [(one, name) for one in clusters if one.price for name, _ in one.price.dims if is_currency(name)]
    found: list[Diagnostic] = []
    for cluster, currency in priced[1:]:
        first, other = priced[0]
        if currency != other:
            headline = f"`{cluster.address}` counts in {currency}, and `{first.address}` in {other}"
            also = (Label(first.span("price"), other),)
            help = ("give all prices of a spec in one currency; nothing is converted",)
            found.append(letter("UNI108", headline, cluster.span("price"), currency, also=also, help=help))
    return found


def audit_merge(merge: Merge) -> list[Diagnostic]:
    """What its method needs is there."""
    return _needed(merge) + ([] if merge.method == "ema" else _weighed(merge))


def _needed(merge: Merge) -> list[Diagnostic]:
    name, method, base = merge.address, merge.method, merge.base
    if method == "ema" and merge.rate is None:
        help = ("`rate`: the weight of each next model",)
        return [letter("NAM109", f"`{name}` needs `rate`", merge.span("method"), help=help)]
    if (
        method not in ("slerp", "ties", "dare")
        or isinstance(base, Ref | Pick)
        or (base and method == "slerp")
    ):
        return []
    help = ("name the model that the others were trained from",)
    if method == "slerp":
        help += (
            "or write `base = zero` to turn the weights themselves, which of near models is a linear merge",
        )
    headline = (
        f"`{name}` needs {'a model as ' if base else ''}`base`: `{method}` works on differences from it"
    )
    return [letter("NAM109", headline, merge.span("base" if base else "method"), help=help)]


def _weighed(merge: Merge) -> list[Diagnostic]:
    """Every model has a weight, and the weights are a whole."""
    weights = [weight for weight in merge.weights if isinstance(weight, Fraction)]
    if len(weights) != len(merge.weights) or (len(weights) == len(merge.of) and sum(weights) == 1):
        return []
    if len(weights) != len(merge.of):
        headline = f"`{merge.address}` merges {len(merge.of)} models and weighs {len(weights)}"
        also = (Label(merge.span("of"), "the models"),)
        return [letter("SHP107", headline, merge.span("weights"), also=also)]
    headline = f"the weights of `{merge.address}` add up to {float(sum(weights)) * 100:.6g}%"
    help = ("let them add up to 100%, or write `weights = uniform`",)
    return [letter("SHP107", headline, merge.span("weights"), help=help)]


def audit_convex(stage: Distill | Sft) -> list[Diagnostic]:
    """The truth and the teacher's guess share the loss between them."""
    target = stage.target
    if not isinstance(target, Convex) or target.label + target.teacher_top1 == 1:
        return []
    whole = float(target.label + target.teacher_top1) * 100
    headline = f"the weights of `{stage.address}`'s target add up to {whole:.6g}%"
    also = (Label(target.span("teacher_top1")),)
    return [letter("SHP107", headline, target.span("label"), also=also, help=("let them add up to 100%",))]


def audit_folders(pipeline: Pipeline) -> list[Diagnostic]:
    """The run and the store stay below the folder in which the pipeline runs."""
    return [
        letter("NAM111", f"`{path}` leaves the folder in which the pipeline runs", pipeline.span(field))
        for field, path in (("runs", pipeline.runs), ("store", pipeline.store))
        if _leaves(path)
    ]


def audit_source(block: Corpus | Prompts | Preferences) -> list[Diagnostic]:
    """Files are read below the folder in which the pipeline runs."""
    source = block.source
    if not isinstance(source, Files) or not _leaves(source.pattern):
        return []
    headline = f"`{source.pattern}` leaves the folder in which the pipeline runs"
    help = ("run it in a folder above the data, or move the data below this one; links out are not followed",)
    return [letter("NAM111", headline, source.span("pattern"), help=help)]


def _leaves(path: str) -> bool:
    return path.startswith(("/", "~")) or "\0" in path or ".." in path.split("/")


def audit_tokenizer(tokenizer: Tokenizer) -> list[Diagnostic]:
    found: list[Diagnostic] = []
    if bool(tokenizer.sources) == bool(tokenizer.source):
        both = "two origins, `from` and `source`" if tokenizer.source else "no origin"
        help = ("learn it from texts with `from`, or name a ready one with `source`",)
        headline = f"`{tokenizer.address}` has {both}"
        return [letter("SHP111", headline, tokenizer.header, help=help)]
    if tokenizer.source:
        return found
    least = BYTES + len(tokenizer.specials)
    if tokenizer.vocab < least:
        headline = f"`{tokenizer.address}` has room for {digits(tokenizer.vocab)} entries and needs {least}"
        notes = (
            f"{BYTES} bytes and {len(tokenizer.specials)} special tokens come before anything is learnt",
        )
        found.append(letter("SHP109", headline, tokenizer.span("vocab"), notes=notes))
    needed = (PAD, tokenizer.begin, tokenizer.end)
    missing = [name for name in needed if name and name not in tokenizer.specials]
    if missing:
        listed = " and ".join(f"`{name}`" for name in missing)
        headline = f"the specials of `{tokenizer.address}` lack {listed}"
        notes = ("every document stands between a begin and an end, and short rows are padded",)
        found.append(letter("SHP110", headline, tokenizer.span("specials"), notes=notes))
    return found
