"""Specs as they were at a revision of git, read without a checkout."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from ..compiler.diagnostics.diagnostic import Diagnostic
    from ..compiler.text import Source


@dataclass(frozen=True)
class Revision:
    """A commit under the name by which the user knows it, `origin/main`."""

    name: str
    commit: str
    inside: Path
    """A folder of the working tree."""

    @cached_property
    def root(self) -> Path:
        """Where the working tree begins."""
        found = _git(self.inside, "rev-parse", "--show-toplevel")
        if found is None:
            raise click.UsageError(f"{self.inside} lies in no working tree of git")
        return Path(found.decode().rstrip("\n"))

    def called(self, path: str) -> str:
        """How letters call a file of this revision."""
        return f"{self.name}:{path}"

    def read(self, path: str) -> bytes | None:
        """The bytes of a file as they are in the commit; None where it is not there."""
        return _git(self.root, "cat-file", "blob", f"{self.commit}:{self._within(path)}")

    def fetch(self, path: str) -> tuple[Source | None, list[Diagnostic]]:
        """A spec's text, as a journey asks for it."""
        from ..compiler.front import decoded

        data = self.read(path)
        if data is None:
            raise FileNotFoundError(2, f"it is not in {self.name}", path)
        return decoded(data, self.called(path))

    def specs(self, folder: str) -> list[str]:
        """The specs that stand in a folder."""
        within = self._within(folder)
        found = _git(
            self.root, "ls-tree", "-z", "--name-only", self.commit, f"{within}/" if within != "." else "."
        )
        names = (found or b"").decode(errors="surrogateescape").split("\0")
        return [str(Path(folder, Path(one).name)) for one in names if one.endswith(".lehr")]

    def _within(self, path: str) -> str:
        """A path as seen from the root of the working tree."""
        whole = Path(path).parent.resolve() / Path(path).name
        try:
            return whole.relative_to(self.root.resolve()).as_posix()
        except ValueError:
            raise click.UsageError(f"{path} is not in the working tree of {self.name}, {self.root}") from None


def revision(name: str, inside: Path = Path()) -> Revision | None:
    """The commit that a name means; None where it means none."""
    asked = ("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
    found = _git(inside, *asked)
    return Revision(name, found.decode().strip(), inside) if found else None


def _git(inside: Path, *arguments: str) -> bytes | None:
    """What git answers; None where it refuses."""
    try:
        done = subprocess.run(["git", "-C", str(inside), *arguments], capture_output=True, check=False)
    except FileNotFoundError:
        raise click.UsageError("a revision is read by `git`, which is not on PATH") from None
    return done.stdout if done.returncode == 0 else None
