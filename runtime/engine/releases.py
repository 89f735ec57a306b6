"""Releases where people find them: `<run>/release/<name>/`, a copy of the artifact's files."""

from __future__ import annotations

import shutil
from pathlib import Path
from uuid import uuid4

from ..store import manifest
from ..store.atomic import TEMPORARY, sync_folder


def publish(artifact: Path, target: Path) -> None:
    """Put an artifact's files at `target` as a whole, in place of an older release of that name."""
    if target.is_dir() and manifest.read(target) == manifest.read(artifact) and not manifest.altered(target):
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh = target.with_name(f"{TEMPORARY}{uuid4().hex}")
    shutil.copytree(artifact, fresh)
    if target.exists():
        old = target.with_name(f"{TEMPORARY}{uuid4().hex}")
        target.rename(old)
        fresh.rename(target)
        shutil.rmtree(old)
    else:
        fresh.rename(target)
    sync_folder(target.parent)
