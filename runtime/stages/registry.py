"""Stages by kind: each is the module of that name in this folder, loaded when it first runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path

from ...compiler.plan.model import Step
from .room import Facts, Room

Runner = Callable[[Step, Mapping[str, Path], Room], Facts]


def runner(kind: str) -> Runner:
    """The stage that runs steps of a kind."""
    return import_module(f".{kind}", __package__).run
