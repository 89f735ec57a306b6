"""Artifacts by address: folders of finished files under `<store>/<fingerprint>/`.

An artifact is written in a temporary folder of the store and renamed into place
when its manifest stands, so that a crash leaves all of it or nothing.  Runs may
share a store, also at the same time: each artifact has a lock of its own, so that
it is made once.  The store knows the folders of its runs, for whoever cleans it.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import uuid4

from . import manifest
from .atomic import TEMPORARY, make_folder, sync_folder, write_bytes
from .faults import fault_point
from .lock import alone, claim, release

LOCKS, RUNS, REGISTRY = ".locks", ".runs", ".registry"


class Store:
    """The artifacts in a folder."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, fingerprint: str) -> Path:
        return self.root / fingerprint

    def find(self, fingerprint: str) -> Path | None:
        """The folder of an artifact that was finished; its files are not read."""
        folder = self.path(fingerprint)
        return folder if (folder / manifest.NAME).is_file() else None

    def facts(self, fingerprint: str) -> dict[str, Any]:
        """What the stage said of an artifact when it was made."""
        return (manifest.read(self.path(fingerprint)) or {}).get("facts", {})

    def altered(self, fingerprint: str) -> list[str]:
        """Files of an artifact that are no longer what they were."""
        return manifest.altered(self.path(fingerprint), fingerprint=fingerprint)

    def resized(self, fingerprint: str) -> bool:
        """Whether files of an artifact are gone or of another size: what can be told without reading them."""
        return manifest.resized(self.path(fingerprint))

    @contextmanager
    def room(self) -> Iterator[Path]:
        """A new temporary folder that `commit` makes an artifact; without it the folder goes again."""
        make_folder(self.root)
        folder, mark = self._claimed()
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            if mark is not None:
                release(mark)

    @contextmanager
    def alone(self, fingerprint: str, waiting: Callable[[str], None]) -> Iterator[None]:
        """Be the only one who makes an artifact; `waiting` is told who makes it now, and may raise."""
        make_folder(self.root / LOCKS)
        with alone(self.root / LOCKS / fingerprint, waiting):
            yield

    @contextmanager
    def registry(self) -> Iterator[None]:
        """While entered no run begins and nothing is cleaned away: for the moment in which either is decided."""
        make_folder(self.root)
        with alone(self.root / REGISTRY, lambda holder: None):
            yield

    def register(self, run: Path) -> None:
        """Remember a run's folder, so that what it needs is never taken for waste."""
        path = os.path.abspath(run)
        place = self.root / RUNS / sha256(os.fsencode(path)).hexdigest()[:16]
        if not place.is_file():
            make_folder(place.parent)
            write_bytes(place, os.fsencode(path))

    def runs(self) -> list[Path]:
        """The folders of the runs that have used this store; some may be gone."""
        found = sorted((self.root / RUNS).glob("[0-9a-f]*"))
        return [Path(os.fsdecode(place.read_bytes())) for place in found]

    def commit(self, folder: Path, fingerprint: str, about: Mapping[str, Any]) -> Path:
        """Make a filled folder the artifact of an address.

        Where the address is taken by sound files they are kept and ours dropped: same address, same bytes.
        """
        manifest.seal(folder, {"fingerprint": fingerprint, **about})
        fault_point("before-rename")
        target = self.path(fingerprint)
        try:
            folder.rename(target)
        except OSError:
            if not target.is_dir():
                raise
            if self.altered(fingerprint):
                self.set_aside(fingerprint)
                folder.rename(target)
        sync_folder(self.root)
        fault_point("after-rename")
        return target

    def set_aside(self, fingerprint: str) -> Path:
        """Move an artifact out of its address without losing it."""
        taken = self.path(fingerprint)
        aside = taken.with_name(f"{fingerprint}.altered-{uuid4().hex[:8]}")
        taken.rename(aside)
        return aside

    def differing(self, folder: Path, fingerprint: str) -> list[str]:
        """Files of a room that are not what the artifact of that address holds."""
        known = manifest.read(self.path(fingerprint))
        return manifest.differing(folder, known) if known else []

    def sweep(self) -> None:
        """Remove temporary folders whose process is gone."""
        for folder in self.root.glob(f"{TEMPORARY}*"):
            try:
                mark = claim(folder)
            except OSError:
                continue  # in use, swept by another run, or on a file system without locks
            shutil.rmtree(folder, ignore_errors=True)
            release(mark)

    def _claimed(self) -> tuple[Path, int | None]:
        """A new folder and its mark; none where the file system knows no locks, and nobody sweeps."""
        while True:
            folder = self.root / f"{TEMPORARY}{uuid4().hex}"
            folder.mkdir()
            try:
                mark = claim(folder)
            except (FileNotFoundError, BlockingIOError):
                continue  # a sweep was quicker than the mark
            except OSError:
                return folder, None
            if folder.is_dir():
                return folder, mark
            release(mark)
