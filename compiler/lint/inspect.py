"""Hand every rule what it asks for, and gather what it finds.

Warnings and advice are about the recipe as it is written: a profile that scales
it down makes everything short, so there only errors are looked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..diagnostics.diagnostic import Diagnostic, Severity
from ..front import ast
from ..graph.claims import Claim, Verdict
from ..graph.model import Graph
from ..graph.names import Scope
from ..graph.same import renamed
from ..graph.schema import Block
from ..graph.values import Timeline
from ..graph.views import View
from .config import Config
from .pair import Pair, holds
from .rule import Moving, Rule
from .rules import rules
from .spec import Spec

_ELSEWHERE = ("CLM",)
"""Errors after which every block is still there."""


def inspect(view: View, file: ast.File, root: Scope, config: Config) -> list[Diagnostic]:
    """What the rules find in the bare spec."""
    spec = spec_of(view, root, config)
    if spec is None:
        return []
    return [letter for one in _on(config, view, file) for letter in _run(one, spec, file)]


def inspect_again(
    view: View, file: ast.File, root: Scope, config: Config, bare: Iterable[Diagnostic]
) -> list[Diagnostic]:
    """What they find under a profile and not in the bare spec; both have been built whole."""
    known = {(one.code, one.headline, one.span) for one in bare}
    found = inspect(view, file, root, config) if is_whole(view) else []
    return [
        replace(one, profile=view.profile) for one in found if (one.code, one.headline, one.span) not in known
    ]


def inspect_pair(
    before: Spec, after: Spec, file: ast.File, config: Config, category: str
) -> list[Diagnostic]:
    """What the rules find that breaks something of a category between two readings of a spec."""
    pair = Pair(before, after, renamed(before.graph, after.graph))
    path = file.span.source.path
    asked = [one for one in rules().values() if one.breaks and holds(category, one.breaks)]
    return [
        letter for one in asked if config.counts(one.code, one.name, path) for letter in one.run(pair, after)
    ]


def spec_of(view: View, root: Scope, config: Config) -> Spec | None:
    """A view as rules see it; None where nothing was built."""
    return Spec(view, view.graph, root, config.lint, Path()) if view.graph else None


def _on(config: Config, view: View, file: ast.File) -> Iterator[Rule]:
    """The rules that count and can look at this view."""
    for one in rules().values():
        if one.breaks:
            continue
        if view.scaler is not None and one.severity is not Severity.ERROR:
            continue
        if one.subject is Graph and not is_whole(view):
            continue
        if one.subject is ast.File and view.profile != "full":
            continue
        if config.counts(one.code, one.name, file.span.source.path):
            yield one


def is_whole(view: View) -> bool:
    """Whether every block was built, so that what is missing is missing from the text."""
    return not any(
        one.severity is Severity.ERROR and not one.code.startswith(_ELSEWHERE) for one in view.letters
    )


def _run(rule: Rule, spec: Spec, file: ast.File) -> Iterator[Diagnostic]:
    for subject in _shared(rule.subject, spec, file):
        yield from rule.run(subject, spec)


def _shared(kind: type, spec: Spec, file: ast.File) -> list[Any]:
    """What rules of a kind look at, gathered once for all of them."""
    if kind is ast.File:
        return [file]
    if kind not in spec.subjects:
        spec.subjects[kind] = list(_subjects(kind, spec))
    return spec.subjects[kind]


def _subjects(kind: type, spec: Spec) -> Iterable[Any]:
    if kind is Graph:
        return [spec.graph]
    if kind is Claim:
        return [one for one in spec.view.claims if one.verdict is not Verdict.BROKEN]
    if kind is Moving:
        return _moving(spec.graph)
    assert issubclass(kind, Block)
    return [block for block in spec.graph.blocks.values() if isinstance(block, kind)]


def _moving(graph: Graph) -> Iterator[Moving]:
    """Every field that holds a timeline with arrows in it."""
    for block in graph.blocks.values():
        shares: dict[str, Any] = getattr(block, "shares", {})
        written = [(name, block.value(name)) for name in type(block).fields()] + list(shares.items())
        for name, value in written:
            if isinstance(value, Timeline) and value.moves:
                yield Moving(block, name, value)
