"""What a model carries of its chats: the template that taught it, and tokens that the spec said to end an answer."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

TEMPLATE, STOPS = "chat_template.jinja", "chat_stops.json"


def text(model: Path) -> str | None:
    path = model / TEMPLATE
    return path.read_text(encoding="utf-8") if path.is_file() else None


def stops(model: Path) -> tuple[str, ...]:
    path = model / STOPS
    return tuple(json.loads(path.read_bytes())) if path.is_file() else ()


def write(folder: Path, template: str, stop: Sequence[str] = ()) -> None:
    (folder / TEMPLATE).write_text(template, encoding="utf-8")
    if stop:
        (folder / STOPS).write_text(json.dumps(list(stop)) + "\n", encoding="utf-8")


def hand_on(before: Path, folder: Path) -> None:
    """For the model that was made of another; what is there already stays."""
    found = text(before)
    if found is not None and not (folder / TEMPLATE).is_file():
        write(folder, found, stops(before))
