"""What a model has been through: `history.json`, which every stage that trains hands on with one entry more.

Entries name no step and no run: an artifact may be shared, and the same address has the same bytes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ....compiler.plan.model import TrainedWork
from ..chat import carried

NAME = "history.json"
Entry = dict[str, Any]
"""`kind` of stage, and what it did: `steps`, `tokens`, `context`, `drawn` tokens of each corpus."""


def read(folder: Path) -> list[Entry]:
    """The entries of a model's folder, oldest first; none where nothing was written."""
    path = folder / NAME
    return json.loads(path.read_bytes())["entries"] if path.is_file() else []


def write(folder: Path, entries: list[Entry]) -> None:
    document = {"version": 1, "entries": entries}
    (folder / NAME).write_text(json.dumps(document, indent=2, sort_keys=True) + "\n")


def hand_on(before: Path, folder: Path, kind: str, work: TrainedWork, facts: Mapping[str, Any]) -> None:
    """Write what the model in `before` has been through and, as one entry more, what a stage did since.

    A chat template that it carries goes on with it.
    """
    carried.hand_on(before, folder)
    told = {name: facts[name] for name in ("steps", "tokens", "drawn")}
    longest = max(phase.context for phase in work.phases)
    write(folder, [*read(before), {"kind": kind, "context": longest, **told}])


def context(entries: list[Entry], otherwise: int) -> int:
    """The longest context that a model was trained for."""
    return max((entry["context"] for entry in entries if "context" in entry), default=otherwise)


def drawn(entries: list[Entry]) -> dict[str, int]:
    """Tokens read of each corpus, over all stages."""
    total: dict[str, int] = {}
    for entry in entries:
        for name, tokens in entry.get("drawn", {}).items():
            total[name] = total.get(name, 0) + tokens
    return total
