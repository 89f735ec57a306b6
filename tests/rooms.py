"""Rooms for stages that train: in each somebody asks to stop, or the power fails, at a step of our choice."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from lehr.runtime.stages.means import Means

NEVER = 1 << 30


class Cut(Exception):
    """The power fails."""


@dataclass
class Saved:
    """Checkpoints in memory: what is handed out is a copy, and meta has been through JSON."""

    states: list[tuple[int, dict[str, torch.Tensor], str]] = field(default_factory=list)

    def save(self, step: int, tensors: Mapping[str, torch.Tensor], meta: Mapping[str, Any]) -> None:
        copies = {name: tensor.clone() for name, tensor in tensors.items()}
        self.states.append((step, copies, json.dumps(meta)))

    def kept(self, wait: bool = False) -> int:
        return self.states[-1][0] if self.states else 0

    def every(self) -> Iterator[tuple[int, dict[str, torch.Tensor], dict[str, Any]]]:
        for step, tensors, meta in self.states:
            yield step, {name: tensor.clone() for name, tensor in tensors.items()}, json.loads(meta)

    def latest(self) -> tuple[int, dict[str, torch.Tensor], dict[str, Any]] | None:
        if not self.states:
            return None
        step, tensors, meta = self.states[-1]
        return step, {name: tensor.clone() for name, tensor in tensors.items()}, json.loads(meta)


@dataclass
class Desk:
    """A room in which someone asks to stop, or the power fails, at a step of our choice."""

    folder: Path
    checkpoints: Saved = field(default_factory=Saved)
    workers: int = 0
    root: Path = Path()
    stop_after: int = NEVER
    cut_after: int = NEVER
    asked: int = 0
    said: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    means: Means = field(default_factory=Means)

    @property
    def scratch(self) -> Path:
        """Beside the stage's folder, so that it is there when the stage begins anew."""
        place = self.folder.with_name(f"{self.folder.name}-scratch")
        place.mkdir(exist_ok=True)
        return place

    def say(self, event: str, **facts: Any) -> None:
        self.said.append((event, facts))

    @property
    def stopping(self) -> bool:
        self.asked += 1
        if self.asked == self.cut_after:
            raise Cut
        return self.asked >= self.stop_after

    def gate(self, done: int, model: Any, save: Any) -> None:
        pass


def desk(folder: Path, **settings: Any) -> Desk:
    folder.mkdir(exist_ok=True)
    return Desk(folder, **settings)


def weights(folder: Path) -> bytes:
    return (folder / "model.safetensors").read_bytes()
