"""Preference accuracy: the share of pairs in which the model finds the chosen answer likelier.

Sums of log-probabilities are compared, as DPO compares them; `mean` divides each by its tokens.  Pairs of a file are
plain texts, one after the other; those that a step made are chats, in the template that the model carries.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ....compiler.plan.model import Preference
from ..chat.rows import HELDOUT, PAIRS
from ..chat.template import ChatTemplate
from ..preferences.examples import examples
from . import rows
from .likelihood import encode, likelihoods
from .subject import Subject

_ROW = '{"prompt": "2 + 2 =", "chosen": " 4", "rejected": " 5"}'
Pair = tuple[str, str, str]


def score(subject: Subject, bench: Preference) -> dict[str, Any]:
    if bench.file:
        pairs = rows.read(bench.file, subject.root, _pair, _ROW)
        asked = [encode(subject.words, prompt, one) for prompt, *both in pairs for one in both]
    else:
        asked = list(_of_a_step(subject, bench))
    told = likelihoods(subject, asked, bench.context)
    chosen, rejected = told[::2], told[1::2]
    both = list(zip(chosen, rejected, strict=True))
    share = sum(_over(one.total, other.total) for one, other in both) / len(both)
    mean = sum(_over(one.total / one.tokens, other.total / other.tokens) for one, other in both) / len(both)
    margin = sum(one.total - other.total for one, other in both) / len(both)
    return {"value": share, "accuracy": share, "mean": mean, "margin": margin, "asked": len(both)}


def _of_a_step(subject: Subject, bench: Preference) -> Iterator[tuple[list[int], list[int]]]:
    """The prompt and the answer of chosen and rejected in turn: of pairs that were held out, where some were."""
    folder = subject.inputs[f"data:{bench.data}"]
    template = ChatTemplate.of(None, subject.words, subject.inputs.get("model"))
    part = HELDOUT if (folder / HELDOUT).is_file() else PAIRS
    for example in examples(folder, template, bench.context, part=part):
        for answer in example.answers:
            first = int(answer.learnt.nonzero()[0])
            yield answer.ids[:first].tolist(), answer.ids[first:].tolist()


def _over(one: float, other: float) -> float:
    """A tie tells nothing, and counts half."""
    return 0.5 if one == other else float(one > other)


def _pair(row: dict[str, Any]) -> Pair:
    chosen, rejected = rows.text(row, "chosen"), rows.text(row, "rejected")
    if chosen == rejected:
        raise rows.Fault("`chosen` and `rejected` are the same")
    return rows.text(row, "prompt"), chosen, rejected
