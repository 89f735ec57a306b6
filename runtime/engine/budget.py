"""What a plan took a corpus to hold, compared with what came out: a shortfall is a letter before training starts.

Without it a stage would read a second time, and say nothing, what was meant to be read once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from math import ceil
from typing import Any

from ...compiler.plan.model import Plan, Step, TrainedWork
from ..errors import StageError

FactsOf = Callable[[str], Mapping[str, Any]]
_ROLE = "tokens:"
_ROUNDED = Fraction(101, 100)
"""Sizes in a spec are rounded."""


def shortfall(plan: Plan, tokenized: Step, facts_of: FactsOf) -> StageError | None:
    """Why a stage would read a corpus once more than was planned; None where what there is will do."""
    parts = {part: facts_of(tokenized.address)[part] for part in ("train", "heldout")}
    found = sum(part["tokens"] for part in parts.values())
    for step, corpus, drawn in _readers(plan, tokenized):
        size = plan.sizes.get(corpus)
        planned = size.tokens if size else None
        if not planned or found * _ROUNDED >= planned:
            continue
        meant, needed = _passes(drawn, planned), _passes(drawn, found)
        if needed > meant:
            return _letter(step, corpus, plan, drawn, found, meant, needed, parts)
    return None


def _readers(plan: Plan, tokenized: Step) -> Iterator[tuple[Step, str, Fraction]]:
    """The stages that learn from a corpus's tokens, and how many tokens of it their models have drawn by then."""
    for step in plan.steps:
        for role, address in step.inputs.items():
            if address == tokenized.address and role.startswith(_ROLE) and isinstance(step.work, TrainedWork):
                corpus = role.removeprefix(_ROLE)
                if drawn := _drawn(plan, step, corpus):
                    yield step, corpus, drawn


def _drawn(plan: Plan, step: Step, corpus: str) -> Fraction:
    """Tokens that a stage and those that its model comes from draw of a corpus."""
    total = Fraction(0)
    at: Step | None = step
    while at is not None:
        if isinstance(at.work, TrainedWork):
            for phase in at.work.phases:
                share = phase.shares.get(corpus)
                total += phase.tokens * (share.first + share.last) / 2 if share else 0
        before = at.inputs.get("model")
        at = plan.step(before) if before else None
    return total


def _passes(drawn: Fraction, size: int) -> int:
    return ceil(drawn / (size * _ROUNDED)) if size else 1 << 30


def _letter(
    step: Step,
    corpus: str,
    plan: Plan,
    drawn: Fraction,
    found: int,
    meant: int,
    needed: int,
    parts: Mapping[str, Any],
) -> StageError:
    size = plan.sizes[corpus]
    documents = sum(part["documents"] for part in parts.values())
    notes = [
        f"planned: {size.tokens:,} tokens" + (f" in {size.documents:,} documents" if size.documents else "")
    ]
    notes.append(f"here: {found:,} tokens in {documents:,} documents")
    short = sum(part.get("short", 0) for part in parts.values())
    notes += [f"{short:,} documents were shorter than the corpus's `lengths`, and left out"] if short else []
    notes.append(
        f"`{step.address}` comes to {int(drawn):,} tokens of it: pass {needed}, where {meant} was planned"
    )
    help = (
        f"give `{corpus}` more text, or let `{step.address}` read less of it",
        f"or say `tokens = {found}` there: `lehr check` then judges the passes, and nothing is made again",
    )
    headline = f"`{corpus}` holds less than was planned, so `{step.address}` would read it again"
    return StageError(
        "RUN270", "less-than-planned", headline, notes=tuple(notes), help=help, step=step.address
    )
