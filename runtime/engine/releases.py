"""Releases where people find them: `<run>/release/<name>/`, a copy of the artifact's files."""

from __future__ import annotations

import shutil
from pathlib import Path
from uuid import uuid4

from ..store import manifest
from ..store.atomic import TEMPORARY, make_folder, remove_folder, sync_file, sync_folder
from ..store.faults import fault_point


def publish(artifact: Path, target: Path) -> None:
    """Put an artifact's files at `target` as a whole, in place of an older release of that name.

    They are copies: who edits a release must not edit the artifact.
    """
    if target.is_dir() and manifest.read(target) == manifest.read(artifact) and not manifest.altered(target):
        return
    make_folder(target.parent)
    fresh = target.with_name(f"{TEMPORARY}{uuid4().hex}")
    try:
        shutil.copytree(artifact, fresh)
        for path in fresh.rglob("*"):
            (sync_folder if path.is_dir() else sync_file)(path)
        sync_folder(fresh)
        if target.exists():
            remove_folder(target)
        fault_point("before-release-rename")
        fresh.rename(target)
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        raise
    sync_folder(target.parent)
