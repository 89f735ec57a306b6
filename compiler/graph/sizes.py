"""How much data there is: examples and tokens of corpora, samples and parts of them.

A size is a fraction, None where the spec does not say, or a `Fact` where only a
run can tell.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from functools import partial
from typing import Any

from .blocks.calls import Best, Top
from .blocks.corpus import Corpus
from .blocks.curate import Curate, Limit
from .blocks.label import Label
from .blocks.mix import Mix
from .blocks.preferences import Preferences
from .blocks.prompts import Prompts
from .blocks.sample import Sample
from .blocks.synthesize import Synthesize
from .schema import Block
from .values import Fact, Interval, Portion, Ref

Get = Callable[[str], Block | None]
Size = Fraction | Fact | None

DEEPEST = 40
"""Data that is made of data: a ring of it is reported elsewhere, and must end here."""


def examples(data: Ref | Portion, get: Get, depth: int = 0) -> Size:
    """How many examples there are."""
    inner = partial(examples, get=get, depth=depth + 1)
    if isinstance(data, Portion):
        return _part(data, inner(data.of))
    match get(data.address) if depth < DEEPEST else None:
        case Corpus(examples=found):
            return found.value if found else None
        case Prompts(examples=found) | Preferences(examples=found):
            return Fraction(found) if found is not None else None
        case Synthesize(count=count, keep=keep):
            return Fraction(count) if keep == "all" else Fact(data, "examples")
        case Sample() as sample:
            return _sampled(sample, inner(sample.prompts))
        case Label(of=of):
            return inner(of)
        case Curate() as curate:
            return _limited(curate, "examples", inner(curate.of))
        case Mix(shares=shares):
            return _sum([inner(Ref(name, "")) for name in shares])
        case _:
            return None


def tokens(data: Ref | Portion, get: Get, depth: int = 0) -> Size:
    """How many tokens there are."""
    inner = partial(tokens, get=get, depth=depth + 1)
    if isinstance(data, Portion):
        return _part(data, inner(data.of))
    match get(data.address) if depth < DEEPEST else None:
        case Corpus(tokens=found):
            return found.value if found else None
        case Curate() as curate:
            return _limited(curate, "tokens", inner(curate.of))
        case Sample() | Synthesize() | Label():
            return Fact(data, "tokens")
        case Mix(shares=shares):
            return _sum([inner(Ref(name, "")) for name in shares])
        case _:
            return None


def _part(data: Portion, whole: Size) -> Size:
    if data.how in ("filtered", "upsampled"):
        return Fact(data.of, f"{data.how}({data.argument!r})") if whole is not None else None
    if not isinstance(whole, Fraction) or not data.whole:
        return whole
    return whole * (int(data.argument) if data.how == "until" else 1) / data.whole


def _sampled(sample: Sample, prompts: Size) -> Size:
    if not isinstance(prompts, Fraction):
        return prompts
    drawn: Any = sample.per_prompt
    match sample.keep:
        case Best(count=count):
            return prompts * count
        case "extremes":
            return prompts
        case Top(share=share) if not isinstance(drawn, Interval):
            return prompts * len(sample.origin) * drawn * share
        case "all" if not isinstance(drawn, Interval):
            return prompts * len(sample.origin) * drawn
        case _:
            return Fact(sample.ref, "examples")


def _limited(curate: Curate, what: str, before: Size) -> Size:
    limits = [getattr(step, what) for step in curate.steps if isinstance(step, Limit)]
    known = [Fraction(limit) for limit in limits if limit is not None]
    return min(known) if known else Fact(curate.ref, what) if curate.steps else before


def _sum(sizes: list[Size]) -> Size:
    total = Fraction(0)
    for size in sizes:
        if not isinstance(size, Fraction):
            return size
        total += size
    return total
