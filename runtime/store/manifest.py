"""What a folder of finished files holds, with every file's SHA-256: the last thing written, the first read."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from .atomic import sync_file, sync_folder
from .faults import fault_point

NAME = "manifest.json"


def seal(folder: Path, about: Mapping[str, Any]) -> None:
    """Write the manifest of all files in a folder and sync everything to disk."""
    inside = sorted(folder.rglob("*"))
    files = [path for path in inside if path.is_file() and path != folder / NAME]
    for path in files:
        sync_file(path)
    fault_point("manifest")
    listed = {
        str(path.relative_to(folder)): {"sha256": digest(path), "bytes": path.stat().st_size}
        for path in files
    }
    document = json.dumps({"version": 1, **about, "files": listed}, indent=2, sort_keys=True)
    (folder / NAME).write_text(document + "\n")
    sync_file(folder / NAME)
    for path in (folder, *(path for path in inside if path.is_dir())):
        sync_folder(path)


def read(folder: Path) -> dict[str, Any] | None:
    """A folder's manifest, or None where there is none that can be read."""
    try:
        document = json.loads((folder / NAME).read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) and isinstance(document.get("files"), dict) else None


def altered(folder: Path, **about: Any) -> list[str]:
    """Files that are not what the manifest says, or are missing.

    The manifest itself where it cannot be read, or is about something else than `about`.
    """
    document = read(folder)
    if document is None or any(document.get(name) != value for name, value in about.items()):
        return [NAME]
    return differing(folder, document)


def differing(folder: Path, document: Mapping[str, Any]) -> list[str]:
    """Files of a folder that are not what a manifest, its own or another's, says."""
    return [name for name, entry in sorted(document["files"].items()) if not _same(folder / name, entry)]


def resized(folder: Path) -> bool:
    """Whether a file is missing or has another size than the manifest says; no file is read."""
    document = read(folder)
    return document is None or any(not _sized(folder / name, one) for name, one in document["files"].items())


def digest(path: Path) -> str:
    total = sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            total.update(block)
    return total.hexdigest()


def _sized(path: Path, entry: Mapping[str, Any]) -> bool:
    try:
        return os.path.getsize(path) == entry["bytes"]
    except (OSError, KeyError, TypeError, ValueError):
        return False  # gone, or an entry that is none


def _same(path: Path, entry: Mapping[str, Any]) -> bool:
    try:
        return _sized(path, entry) and digest(path) == entry["sha256"]
    except (OSError, KeyError, TypeError, ValueError):
        return False
