"""What nobody needs any more: artifacts that no ledger reaches, and what dead processes have left.

A run reaches the artifacts that its ledger or its plan names; a release, all that its model was
made from.  Nothing is parsed for this but manifests: whatever looks like an address in a ledger or
a plan counts, so that a file of another version keeps what it names.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from uuid import uuid4

from ...compiler.plan.model import Plan
from ..errors import Refusal
from ..store import manifest
from ..store.artifact import Store
from ..store.atomic import TEMPORARY
from ..store.lock import claim, is_held, locked, release

_ADDRESS = re.compile(rb"\b[0-9a-f]{64}\b")
What = Literal["artifact", "altered artifact", "temporary", "checkpoints"]


@dataclass(frozen=True, slots=True)
class Waste:
    """A folder or file that may go; `told` says what it is."""

    path: Path
    what: What
    bytes: int
    told: str


@dataclass(frozen=True, slots=True)
class Kept:
    """How much of a store stays, and the runs that it knows and cannot find."""

    artifacts: int
    bytes: int
    gone: tuple[Path, ...]


# ---- looking -----------------------------------------------------------------------------


def look(store: Store, runs: Iterable[Path]) -> tuple[list[Waste], Kept]:
    """What may go from a store and from its runs, the largest first; and what stays."""
    known = list(dict.fromkeys([*store.runs(), *(run.absolute() for run in runs)]))
    reached = _reached(store, known)
    found = [*_unreached(store, reached), *_left_in(store.root)]
    for run in known:
        found += [] if is_held(run) else _left_by(store, run)
    gone = tuple(run for run in known if not run.is_dir())
    stays = [path for path in _artifacts(store) if path.name in reached]
    kept = Kept(len(stays), sum(map(size, stays)), gone)
    return sorted(found, key=lambda one: (-one.bytes, one.path)), kept


def _reached(store: Store, runs: Sequence[Path]) -> set[str]:
    """The addresses that runs name, and all that their releases were made from."""
    reached: set[str] = set()
    released: list[str] = []
    for run in runs:
        for name in ("ledger.json", "plan.json"):
            reached.update(_addresses(run / name))
        for path in run.glob(f"release/*/{manifest.NAME}"):
            fingerprint = (manifest.read(path.parent) or {}).get("fingerprint")
            released += [fingerprint] if isinstance(fingerprint, str) else []
    made_from: set[str] = (
        set()
    )  # walked on its own: what a ledger names too was made from what it does not name
    while released:
        address = released.pop()
        made_from.add(address)
        inputs = (manifest.read(store.path(address)) or {}).get("inputs", {})
        released += [one for one in inputs.values() if one not in made_from]
    return reached | made_from


def _addresses(path: Path) -> Iterator[str]:
    try:
        content = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        headline = (
            f"{path} cannot be read, so what it needs is not known: {(error.strerror or str(error)).lower()}"
        )
        raise Refusal("RUN158", "reach-unknown", headline, help=("nothing was removed",)) from None
    yield from (found.decode() for found in _ADDRESS.findall(content))


def _artifacts(store: Store) -> list[Path]:
    return [path for path in sorted(store.root.glob("[0-9a-f]*")) if _ADDRESS.fullmatch(path.name.encode())]


def _unreached(store: Store, reached: set[str]) -> Iterator[Waste]:
    for path in _artifacts(store):
        if path.name not in reached:
            about = manifest.read(path) or {}
            yield Waste(path, "artifact", size(path), str(about.get("kind", "")))
    for path in sorted(store.root.glob("*.altered-*")):
        yield Waste(path, "altered artifact", size(path), "set aside when it was made again")


def _left_in(folder: Path) -> Iterator[Waste]:
    """Temporaries whose process is gone."""
    for path in sorted(folder.glob(f"{TEMPORARY}*")):
        try:
            mark = claim(path) if path.is_dir() else None
        except OSError:
            continue  # in use
        if mark is not None:
            release(mark)
        yield Waste(path, "temporary", size(path), "its process is gone")


def _left_by(store: Store, run: Path) -> Iterator[Waste]:
    """Checkpoints of a run that no step goes on from, and its temporaries."""
    for folder in (run, run / "release", *sorted(run.glob("checkpoints/*"))):
        yield from _left_in(folder)
    try:
        plan = Plan.model_validate_json((run / "plan.json").read_bytes())
    except (OSError, ValueError):
        return
    open_steps = {step.fingerprint[:16] for step in plan.steps if store.find(step.fingerprint) is None}
    for path in sorted((*run.glob("checkpoints/*"), *run.glob("scratch/*"))):
        if path.name not in open_steps:
            yield Waste(path, "checkpoints", size(path), f"of {run.name}, whose plan goes on without them")


def size(path: Path) -> int:
    """Bytes of a file, or of all files below a folder."""
    inside = path.rglob("*") if path.is_dir() and not path.is_symlink() else [path]
    return sum(one.lstat().st_size for one in inside if one.is_symlink() or not one.is_dir())


# ---- removing ----------------------------------------------------------------------------


def remove(store: Store, runs: Sequence[Path], listed: Iterable[Waste]) -> int:
    """Remove what was listed and is still waste; returns the bytes freed.

    What goes is first moved aside, while no run begins: a run that begins later does not find it.
    """
    wanted = {one.path for one in listed}
    doomed: list[tuple[Path, int]] = []
    with store.registry():
        for one in look(store, runs)[0]:
            if one.path in wanted and (moved := _moved_aside(one)):
                doomed.append((moved, one.bytes))
    for path, _ in doomed:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    return sum(freed for path, freed in doomed if not path.exists())


def _moved_aside(one: Waste) -> Path | None:
    """The waste under a temporary name, which a later sweep takes if we die; None where it is in use now."""
    aside = one.path.with_name(f"{TEMPORARY}{uuid4().hex}")
    try:
        if one.what == "checkpoints":
            with locked(one.path.parent.parent):
                one.path.rename(aside)
        else:
            one.path.rename(aside)
    except (Refusal, FileNotFoundError):
        return None
    return aside
