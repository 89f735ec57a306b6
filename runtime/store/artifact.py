"""Artifacts by address: folders of finished files under `<store>/<fingerprint>/`.

An artifact is written in a temporary folder of the store and renamed into place
when its manifest stands, so that a crash leaves all of it or nothing.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

from . import manifest
from .atomic import TEMPORARY, sync_folder
from .faults import fault_point


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
        return manifest.altered(self.path(fingerprint))

    def room(self) -> Path:
        """A new temporary folder, marked with the process that fills it."""
        self.root.mkdir(parents=True, exist_ok=True)
        folder = self.root / f"{TEMPORARY}{os.getpid()}-{uuid4().hex}"
        folder.mkdir()
        return folder

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
            else:
                shutil.rmtree(folder)
        sync_folder(self.root)
        fault_point("after-rename")
        return target

    def set_aside(self, fingerprint: str) -> Path:
        """Move an artifact out of its address without losing it."""
        taken = self.path(fingerprint)
        aside = taken.with_name(f"{fingerprint}.altered-{uuid4().hex[:8]}")
        taken.rename(aside)
        return aside

    def sweep(self) -> None:
        """Remove temporary folders whose process is gone."""
        for folder in self.root.glob(f"{TEMPORARY}*-*"):
            pid = folder.name.removeprefix(TEMPORARY).split("-")[0]
            if pid.isdigit() and not _alive(int(pid)):
                shutil.rmtree(folder, ignore_errors=True)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
