"""What a step reads from outside the store, compared with what the plan says it was.

The engine asks before anything starts, so that a corpus that is not there is no
news of the tenth hour; the stage asks again when it reads.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ...compiler.plan import files
from ...compiler.plan.model import (
    Bench,
    CorpusWork,
    CurateWork,
    EvalWork,
    File,
    Files,
    LoadWork,
    PreferencesWork,
    PromptsWork,
    Step,
    TokenizerWork,
)
from ..parts.data.kinds import READ, kind_of

_LISTED = 8


@dataclass(frozen=True)
class Unlike:
    """A letter without a step: it refuses a run, or ends a stage."""

    headed: tuple[str, str, str]
    notes: tuple[str, ...]
    help: tuple[str, ...]


def unlike(step: Step, root: Path) -> Unlike | None:
    """Why a step cannot read what it was planned to read; None where it can."""
    match step.work:
        case (
            CorpusWork(source=Files() as source)
            | PromptsWork(source=Files() as source)
            | PreferencesWork(source=Files() as source)
        ):
            return _corpus(step.address, source, root)
        case TokenizerWork(file=File() as file):
            return _file(step.address, file, root)
        case LoadWork(folder=folder):
            return _file(step.address, folder, root)
        case CurateWork(filters=filters, benches=benches):
            lists = (one.settings.get("words") for one in filters if one.kind == "safety")
            read = (*benches.values(), *(File.model_validate(one) for one in lists if isinstance(one, dict)))
            return next((found for one in read if (found := _file(step.address, one, root))), None)
        case EvalWork(benches=benches):
            return unasked(step.address, benches.values(), root)
        case _:
            return None


def unasked(address: str, benches: Iterable[Bench], root: Path) -> Unlike | None:
    """Why a step cannot measure what it was planned to measure."""
    asked = (file for bench in benches for file in files_of(bench))
    return next((found for file in asked if (found := _file(address, file, root))), None)


def files_of(bench: Bench) -> list[File]:
    """The files and folders of the user's that a bench reads."""
    found = (getattr(bench, "file", None), getattr(bench, "folder", None))
    return [one for one in found if isinstance(one, File)]


def _corpus(address: str, source: Files, root: Path) -> Unlike | None:
    here = files.matching(source.pattern, root)
    moved = files.differing(source.files, here)
    if not here and not source.files:
        return _missing(f"no file matches `{source.pattern}`, which `{address}` reads")
    if moved:
        return _altered(address, source.files, here, moved)
    for name in source.files:
        refused = _refused(name, here[name], root)
        if refused:
            return Unlike(("RUN143", "file-refused", f"{name} {refused}"), (), ())
    return None


def _refused(name: str, mark: str, root: Path) -> str:
    """Why a file is not read at all; empty where it is."""
    kind = kind_of(name)
    if kind not in READ:
        return f"is of a kind that is not read here: {kind}"
    if mark:
        return ""
    try:
        files.opened(name, root).close()
    except OSError as error:
        return (error.strerror or str(error)).lower().removeprefix(f"{name.lower()} ")
    return "cannot be read"


def _file(address: str, file: File, root: Path) -> Unlike | None:
    here = files.file(file.path, root).digest
    if not here:
        return _missing(f"{file.path} is not there, which `{address}` reads")
    return (
        _altered(address, {file.path: file.digest}, {file.path: here}, [file.path])
        if here != file.digest
        else None
    )


def _missing(headline: str) -> Unlike:
    help = ("put it below the folder in which `lehr run` is called, then plan again",)
    return Unlike(("RUN140", "source-missing", headline), (), help)


def _altered(address: str, planned: Mapping[str, str], here: Mapping[str, str], moved: list[str]) -> Unlike:
    notes = [f"{name} {_became(planned.get(name), here.get(name))}" for name in moved[:_LISTED]]
    notes += [f"and {len(moved) - _LISTED} more"] if len(moved) > _LISTED else []
    headline = f"what `{address}` reads is not what it was when the plan was made"
    help = ("make the plan again from the spec: what depends on it gets another address",)
    return Unlike(("RUN141", "source-altered", headline), tuple(notes), help)


def _became(before: str | None, after: str | None) -> str:
    if after is None:
        return "is gone"
    return "is new" if before is None else "has changed"
