"""The ledger of tokens: what every stage draws from every corpus, planned and, after a run, as it was.

Planned amounts are exact: a share that moves on a straight line is worth its mean.  What
was drawn is reconciled with them: whole sequences explain all that may differ.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from .model import Plan, Step, TrainedWork


@dataclass(frozen=True, slots=True)
class Drawn:
    """Tokens that a stage draws from a corpus; `really` is None until it ran.

    Sequences are whole, so a stage may draw up to one of them more or less in each phase that
    shares; `slack` is what that comes to.
    """

    stage: str
    corpus: str
    planned: Fraction
    really: int | None = None
    slack: int = 0

    @property
    def reconciled(self) -> bool | None:
        """Whether whole sequences explain what was drawn; None until it ran."""
        return None if self.really is None else abs(self.really - self.planned) <= self.slack


@dataclass(frozen=True, slots=True)
class Account:
    """A corpus: its size where it is known, and who draws from it.

    A size that a run counted goes before the one that the spec gives.
    """

    corpus: str
    tokens: int | None
    documents: int | None
    entries: tuple[Drawn, ...]
    lineage: Fraction
    """Tokens that are drawn for the one model that sees most of the corpus, its forebears' included."""

    @property
    def planned(self) -> Fraction:
        return sum((one.planned for one in self.entries), Fraction(0))

    @property
    def really(self) -> int | None:
        known = [one.really for one in self.entries if one.really is not None]
        return sum(known) if known else None

    @property
    def passes(self) -> Fraction | None:
        """How often the model that sees most of the corpus goes over it; None where its size is not known."""
        return self.lineage / self.tokens if self.tokens else None

    def documents_in(self, tokens: Fraction | int) -> Fraction | None:
        """How many documents some tokens are, each as long as the mean."""
        if not self.tokens or self.documents is None:
            return None
        return Fraction(tokens) * self.documents / self.tokens


def accounts(
    plan: Plan, facts: Mapping[str, Mapping[str, Any]] | None = None, readers: Set[str] | None = None
) -> list[Account]:
    """Every corpus that stages read as running text, in the order of its first reader.

    `facts` are what finished steps said, by address; `readers` are the stages that count, all where it is None.
    """
    told = facts or {}
    entries: dict[str, list[Drawn]] = {}
    for step in plan.steps if readers is None else [one for one in plan.steps if one.address in readers]:
        for corpus, (tokens, slack) in _planned(step).items():
            really = told.get(step.address, {}).get("drawn", {}).get(corpus)
            entries.setdefault(corpus, []).append(Drawn(step.address, corpus, tokens, really, slack))
    return [_account(plan, corpus, tuple(drawn), told) for corpus, drawn in entries.items()]


def _planned(step: Step) -> dict[str, tuple[Fraction, int]]:
    """Tokens by corpus, and by how many a run may miss them."""
    work, found = step.work, dict[str, tuple[Fraction, int]]()
    if not isinstance(work, TrainedWork):
        return found
    for phase in work.phases:
        for name, share in phase.shares.items():
            if f"tokens:{name}" in step.inputs:
                tokens, slack = found.get(name, (Fraction(0), 0))
                whole = share.first == share.last == 1
                tokens += phase.tokens * (share.first + share.last) / 2
                found[name] = tokens, slack + (0 if whole else phase.context)
    return found


def _account(
    plan: Plan, corpus: str, entries: tuple[Drawn, ...], told: Mapping[str, Mapping[str, Any]]
) -> Account:
    reader = next(step for step in plan.steps if step.address == entries[0].stage)
    counted = told.get(reader.inputs[f"tokens:{corpus}"], {}).get("train", {})
    size = plan.sizes.get(corpus)
    tokens = counted.get("tokens") or (size.tokens if size else None)
    documents = counted.get("documents") or (size.documents if size else None)
    return Account(corpus, tokens, documents, entries, _along_a_lineage(plan, entries))


def _along_a_lineage(plan: Plan, entries: tuple[Drawn, ...]) -> Fraction:
    own = {one.stage: one.planned for one in entries}
    seen: dict[str, Fraction] = {}
    for step in plan.steps:  # each comes after its model
        before = seen.get(step.inputs.get("model", ""), Fraction(0))
        seen[step.address] = before + own.get(step.address, 0)
    return max(seen.values(), default=Fraction(0))
