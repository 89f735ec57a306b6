"""A stage's saved states: `step-00000100/` with tensors, meta and a manifest that is written last."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

from . import manifest
from .atomic import TEMPORARY, make_folder, remove_folder, sweep, sync_folder
from .faults import fault_point

TENSORS, META = "state.safetensors", "meta.json"


class CheckpointFolder:
    """The states of one stage; `corrupt` is told the path of a file that fails its checksum."""

    def __init__(self, folder: Path, keep: int, corrupt: Callable[[Path], None]) -> None:
        self.folder, self.keep, self._corrupt = folder, keep, corrupt

    def save(self, step: int, tensors: Mapping[str, Any], meta: Mapping[str, Any]) -> None:
        """Keep a state, and the newest `keep` states altogether."""
        make_folder(self.folder)
        sweep(self.folder)
        temporary = self.folder / f"{TEMPORARY}{uuid4().hex}"
        try:
            _write(temporary, tensors, meta)
            manifest.seal(temporary, {"step": step})
            fault_point("before-checkpoint-rename")
            target = self._place(step)
            if target.exists():
                remove_folder(target)  # it was corrupt: a sound state is gone on from, not made again
            temporary.rename(target)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise
        sync_folder(self.folder)
        for old in self._states()[: -self.keep]:
            remove_folder(old)

    def latest(self) -> tuple[int, dict[str, Any], dict[str, Any]] | None:
        """The newest state whose files pass their checksums, as (step, tensors, meta)."""
        found = (self._read(state) for state in reversed(self._states()))
        return next((state for state in found if state), None)

    def every(self) -> Iterator[tuple[int, dict[str, Any], dict[str, Any]]]:
        """The states, oldest first, up to the first whose files fail their checksums."""
        for state in map(self._read, self._states()):
            if state is None:
                return
            yield state

    def _read(self, state: Path) -> tuple[int, dict[str, Any], dict[str, Any]] | None:
        step = int(state.name.removeprefix("step-"))
        bad = manifest.altered(state, step=step)
        if bad:
            self._corrupt(state / bad[0])
            return None
        from safetensors.torch import load_file

        return step, load_file(state / TENSORS), json.loads((state / META).read_bytes())

    def clear(self) -> None:
        """Remove all states: the stage is finished."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _place(self, step: int) -> Path:
        return self.folder / f"step-{step:08}"

    def _states(self) -> list[Path]:
        found = (path for path in self.folder.glob("step-*") if path.name[5:].isdecimal())
        return sorted(found, key=lambda path: int(path.name[5:]))


def _write(folder: Path, tensors: Mapping[str, Any], meta: Mapping[str, Any]) -> None:
    from safetensors.torch import save_file

    folder.mkdir()
    whole = {name: tensor.detach().contiguous() for name, tensor in tensors.items()}
    save_file(whole, folder / TENSORS)
    (folder / META).write_text(json.dumps(meta, allow_nan=False))
    fault_point("checkpoint")
