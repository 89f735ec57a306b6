"""What came of a run, for a person: perplexities and exact match per model, and two texts it wrote."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..compiler.plan.model import EvalWork, Plan

_WORDS = {
    "perplexity": "ppl",
    "exact_match": "exact",
    "multiple_choice": "right",
    "needle": "found",
    "preference": "preferred",
    "harness": "score",
}
Facts = Mapping[str, Mapping[str, Any]]


def results(plan: Plan, facts: Facts) -> str:
    """A table per evaluation and the continuations under it; empty when nothing was measured."""
    blocks: dict[str, list[tuple[str, EvalWork, Mapping[str, Any]]]] = {}
    for step in plan.steps:
        if isinstance(step.work, EvalWork) and step.address in facts:
            name = step.address.split("(")[0]
            blocks.setdefault(name, []).append((step.inputs["model"], step.work, facts[step.address]))
    return "\n\n".join(_block(rows) for rows in blocks.values())


def _block(rows: list[tuple[str, EvalWork, Mapping[str, Any]]]) -> str:
    benches = rows[0][1].benches
    heads = ["", *(_head(name, bench) for name, bench in benches.items())]
    table = [heads] + [[model, *(_cell(told["scores"][name]) for name in benches)] for model, _, told in rows]
    wide = [max(len(row[column]) for row in table) for column in range(len(heads))]
    lines = ["  " + "  ".join([row[0].ljust(wide[0]), *map(str.rjust, row[1:], wide[1:])]) for row in table]
    lines.insert(1, "  " + "  ".join("─" * width for width in wide))
    texts = [_text(one) for _, _, told in rows for one in told.get("continuations", ())]
    return "\n".join([*lines, *texts])


def _head(name: str, bench: Any) -> str:
    return f"{name}, {_WORDS[bench.suite]}"


def _cell(score: Mapping[str, Any]) -> str:
    if score["suite"] == "perplexity":
        return f"{score['value']:.1f}"
    return f"{score['value']:.0%}" + (f" of {score['asked']}" if "asked" in score else "")


def _text(one: Mapping[str, str]) -> str:
    body = one["text"].rstrip().replace("\n", "\n  │ ")
    return f"\n  ┌ {one['prompt']}\n  │ …{body}"
