"""Stages by kind: each is the module of that name in this folder, loaded when it first runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path

from ...compiler.plan.model import Step
from .room import Facts, Room

Runner = Callable[[Step, Mapping[str, Path], Room], Facts]

EDITIONS = {
    "corpus": 1,
    "tokenizer": 1,
    "tokenize": 1,
    "init": 1,
    "train": 1,
    "eval": 1,
    "release": 1,
}
"""The edition of each stage's code.  Raise it when, and only when, the stage comes to other results."""


def runner(kind: str) -> Runner:
    """The stage that runs steps of a kind."""
    return import_module(f".{kind}", __package__).run
