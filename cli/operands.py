"""What `lehr diff` compares: files, revisions of git, saved plans, run folders, in pairs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import click

from ..compiler.diagnostics.diagnostic import Diagnostic, Severity
from ..compiler.journey import Journey
from ..compiler.tools.differ import Pipeline, Reading
from .options import find_specs, no_such
from .revisions import Revision, revision
from .run import saved_plan


@dataclass(frozen=True)
class Operand:
    """One side: a spec in the working tree or `at` a revision, a saved plan, or a run's folder."""

    path: str
    at: Revision | None = None

    @property
    def name(self) -> str:
        return self.at.called(self.path) if self.at else self.path

    @property
    def is_spec(self) -> bool:
        return not self.is_run and not self.path.endswith(".json")

    @property
    def is_run(self) -> bool:
        return self.at is None and (Path(self.path) / "plan.json").is_file()

    @property
    def exists(self) -> bool:
        return Path(self.path).exists() if self.at is None else self.at.read(self.path) is not None


@dataclass
class Opened:
    """A side that was read; `pipeline` is None where its letters stand in the way."""

    pipeline: Pipeline | None
    journey: Journey | None = None
    letters: list[Diagnostic] = field(default_factory=list[Diagnostic])


def pairs(words: Sequence[str], paths: Sequence[str]) -> list[tuple[Operand, Operand]]:
    """What is compared with what: two files, plans or run folders; or specs at revisions.

    Where a revision is named, `paths` are the specs that are read there.  Beside one revision
    stands the working tree.
    """
    if not 1 <= len(words) <= 2:
        raise click.UsageError("name two things to compare, or a revision of git: `lehr diff main -- SPEC`")
    inside = next((Path(one).parent for one in (*paths, *words) if Path(one).parent.is_dir()), Path())
    sides = [_meant(word, inside) for word in words]
    revisions = [one for one in sides if isinstance(one, Revision)]
    others = [one for one in sides if isinstance(one, Operand)]
    if not revisions:
        if len(others) < 2 or paths:
            what = (
                "specs stand after `--` where a revision is named" if paths else "the other side is missing"
            )
            raise click.UsageError(f"{what}; see `lehr diff --help`")
        return [(others[0], others[1])]
    specs = _specs(list(paths) or [one.path for one in others if one.is_spec], revisions)
    if others and len(specs) != 1:
        raise click.UsageError(f"name the one spec that {others[0].path} is compared with, after `--`")
    before, after = [*sides, None][:2]
    return [(_side(before, path), _side(after, path)) for path in specs]


def _side(side: Operand | Revision | None, path: str) -> Operand:
    return side if isinstance(side, Operand) else Operand(path, side)


def _meant(word: str, inside: Path) -> Operand | Revision:
    """A file or a run's folder where there is one of that name, else a revision."""
    operand = Operand(word)
    if word.endswith((".lehr", ".json")) or operand.is_run:
        return operand
    found = revision(word, inside)
    if found is None:
        what = "a folder without a plan.json" if Path(word).is_dir() else "no file"
        raise click.UsageError(f"`{word}` is {what}, and no revision of git in {inside.resolve()}")
    return found


def _specs(named: list[str], revisions: list[Revision]) -> list[str]:
    """The specs of files and folders, or all of the usual folder; those too that only a revision has."""
    files = [one for one in named if one.endswith(".lehr")]
    folders = [one for one in named if one not in files]
    found = files + (find_specs(folders) if folders or not files else [])
    looked = folders or ([] if files else sorted({str(Path(one).parent) for one in found}))
    gone = [one for folder in looked for at in revisions for one in at.specs(folder)]
    return list(dict.fromkeys([*found, *gone]))


def opened(operand: Operand, settings: tuple[str, ...], profile: str) -> Opened:
    """Read one side, and plan it."""
    if not operand.is_spec:
        saved = saved_plan(f"{operand.path}/plan.json" if operand.is_run else operand.path)
        return Opened(Pipeline(operand.name, saved))
    from ..compiler import check, lowered
    from ..runtime.stages.editions import EDITIONS

    try:
        fetch = operand.at.fetch if operand.at else None
        journey = check(operand.path, settings, (profile,), fetch=fetch)
    except OSError as error:
        raise no_such(operand.name, error) from None
    plan, letters = lowered(journey, profile, EDITIONS, strict=False)
    view = journey.views.get(profile)
    if plan is None or view is None or view.graph is None or journey.scope is None:
        return Opened(None, journey, [one for one in letters if one.severity is Severity.ERROR])
    return Opened(Pipeline(operand.name, plan, Reading(view, view.graph, journey.scope)), journey)
