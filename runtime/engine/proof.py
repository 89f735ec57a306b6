"""Whether a run is what it says: every byte of its artifacts and releases, and every address of its plan."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ...compiler.plan.model import Plan
from ..store import manifest
from ..store.artifact import Store
from .ledger import Ledger, read

Address = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Checked:
    """A step's artifact, or a release: `faults` are what is not as it was written, in words."""

    address: str
    what: str
    bytes: int
    faults: tuple[str, ...]


def checked(folder: Path, plan: Plan, store: Store, addresses: Address) -> Iterator[Checked]:
    """Every finished step of the run in a folder, then its releases; every file is read.

    `addresses` are what the steps' fingerprints come to when they are worked out again.
    """
    ledger = read(folder) or Ledger()
    for step in plan.steps:
        entry = ledger.entries.get(step.address)
        if entry is None or entry.state not in ("done", "held"):
            continue
        faults = [*_address(step.fingerprint, addresses[step.address], entry.fingerprint)]
        faults += _files(store, step.fingerprint)
        yield Checked(step.address, "artifact", _size(store.path(step.fingerprint)), tuple(faults))
        released = folder / "release" / step.address
        if step.work.kind == "release":
            yield Checked(
                step.address, "release", _size(released), tuple(_release(store, step.fingerprint, released))
            )


def _address(planned: str, found: str, entered: str) -> Iterator[str]:
    if planned != found:
        yield f"the plan gives it the address {planned[:12]}, and what it says comes to {found[:12]}"
    if planned != entered:
        yield f"the ledger has it at {entered[:12]}, the plan at {planned[:12]}"


def _files(store: Store, fingerprint: str) -> Iterator[str]:
    if store.find(fingerprint) is None:
        yield f"{store.path(fingerprint)} is not there"
        return
    for name in store.altered(fingerprint):
        yield f"{store.path(fingerprint) / name} is not what was written"


def _release(store: Store, fingerprint: str, released: Path) -> Iterator[str]:
    """A release is held against its artifact's manifest, for its own may have been changed with it."""
    if not released.is_dir():
        yield f"{released} is not there"
        return
    document = manifest.read(store.path(fingerprint)) or manifest.read(released)
    for name in manifest.differing(released, document) if document else (manifest.NAME,):
        yield f"{released / name} is not what was released"


def _size(folder: Path) -> int:
    return sum(entry["bytes"] for entry in (manifest.read(folder) or {}).get("files", {}).values())
