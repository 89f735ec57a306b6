"""The configuration: `[tool.lehr]` in the nearest `pyproject.toml`, and what flags add to it.

Thresholds are the only knobs of a rule.  An unknown key is a `BadConfig` with the
nearest name; nothing is silently ignored.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field, replace
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ..diagnostics.diagnostic import Diagnostic, Severity
from ..diagnostics.nearest import nearest
from ..errors import BadConfig


class _Table(BaseModel):
    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        alias_generator=lambda name: name.replace("_", "-"),
        populate_by_name=True,
    )


class Schedule(_Table):
    """Thresholds of the rules about schedules."""

    min_steps: int = Field(10, description="Fewest steps of a stage or phase (SCH204).", ge=1)
    warmup_share: float = Field(
        0.25, description="Longest warm-up, as a share of its stage (SCH202).", gt=0, le=1
    )
    lr_jump: float = Field(2.0, description="Largest jump of the rate between stages (SCH201).", ge=1)
    lr_width: float = Field(10.0, description="Largest product of learning rate and width (SCH208).", gt=0)
    decay_share: float = Field(
        0.9, description="Share of a stage before which a decay is early (SCH215).", gt=0, le=1
    )
    unsaved_steps: int = Field(20_000, description="Longest stage without checkpoints (SCH302).", ge=1)


class Data(_Table):
    """Thresholds of the rules about data."""

    max_passes: float = Field(4.0, description="Most passes over a corpus (DAT203, DAT207).", gt=0)


class Limits(_Table):
    """All thresholds."""

    schedule: Schedule = Schedule()  # pyright: ignore[reportCallIssue]
    data: Data = Data()  # pyright: ignore[reportCallIssue]


class PerFile(_Table):
    """What counts for some files only."""

    select: tuple[str, ...] = Field((), description="Added to what is selected.")
    ignore: tuple[str, ...] = Field((), description="Left out.")


class Lint(Limits):
    """`[tool.lehr.lint]`."""

    select: tuple[str, ...] = Field(("ALL",), description="Families, codes or names; the more specific wins.")
    ignore: tuple[str, ...] = Field((), description="The same, left out.")
    deny: tuple[str, ...] = Field((), description="Raised to errors.")
    warn: tuple[str, ...] = Field((), description="Made warnings.")
    allow: tuple[str, ...] = Field((), description="Turned off.")
    max_warnings: int | None = Field(None, description="More warnings than this fail the check.", ge=0)
    per_file: dict[str, PerFile] = Field(default_factory=dict, description="By a pattern of paths.")


class Tool(_Table):
    """`[tool.lehr]`."""

    edition: int = Field(1, description="Edition of the language.", ge=1, le=1)
    specs: tuple[str, ...] = Field((), description="Files and folders that `lehr check` looks at.")
    profiles: tuple[str, ...] | None = Field(None, description="Profiles that it checks; default: all.")
    lint: Lint = Lint()  # pyright: ignore[reportCallIssue]


TABLES: dict[str, type[BaseModel]] = {
    "tool.lehr": Tool,
    "tool.lehr.lint": Lint,
    "tool.lehr.lint.schedule": Schedule,
    "tool.lehr.lint.data": Data,
    'tool.lehr.lint.per-file."PATTERN"': PerFile,
}
"""Every table with its keys, for the manual."""


@dataclass(frozen=True)
class Config:
    """What counts.  `select` and `ignore` of the command line win over those of the file."""

    tool: Tool = field(default_factory=lambda: Tool.model_validate({}))
    folder: Path = Path()
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()

    @property
    def lint(self) -> Lint:
        return self.tool.lint

    @property
    def limits(self) -> Limits:
        return self.tool.lint

    def flagged(self, select: tuple[str, ...], ignore: tuple[str, ...]) -> Config:
        """With the flags of a command line.  Raises BadConfig where one names no rule."""
        for flag, words in (("--select", select), ("--ignore", ignore)):
            _known(words, flag)
        return replace(self, select=select, ignore=ignore)

    def counts(self, code: str, name: str, path: str) -> bool:
        """Whether a rule is on for a file."""
        on = _verdict(code, name, self.lint.select or ("ALL",), (*self.lint.ignore, *self.lint.allow))
        for pattern, extra in self.lint.per_file.items():
            if self._is_at(path, pattern):
                on = _verdict(code, name, extra.select, extra.ignore, on)
        if self.select or self.ignore:
            on = _verdict(code, name, self.select, self.ignore, on and not self.select)
        return on

    def level(self, found: Diagnostic) -> Diagnostic:
        """The letter at the severity that the configuration gives it."""
        for words, level in ((self.lint.deny, Severity.ERROR), (self.lint.warn, Severity.WARNING)):
            if any(matches(word, found.code, found.name) for word in words):
                return replace(found, level=level)
        return found

    def _is_at(self, path: str, pattern: str) -> bool:
        try:
            inside = Path(path).resolve().relative_to(self.folder.resolve()).as_posix()
        except ValueError:
            inside = Path(path).as_posix()
        return fnmatch(inside, pattern)


def matches(word: str, code: str, name: str) -> bool:
    """Whether a word of a selection means a rule: its code, its name, its family, or all."""
    return word in (code, name, code[:3], "ALL")


def _verdict(
    code: str, name: str, select: tuple[str, ...], ignore: tuple[str, ...], default: bool = False
) -> bool:
    """The more specific word wins; of two alike, the one that ignores."""
    rank = {"ALL": 1, code[:3]: 2, code: 3, name: 3}
    chosen = max((rank.get(word, 0) for word in select), default=0)
    dropped = max((rank.get(word, 0) for word in ignore), default=0)
    return default if chosen == dropped == 0 else chosen > dropped


# ---- reading it ---------------------------------------------------------------------------


def find(spec: str | Path = ".") -> Config:
    """The configuration of a spec: of the nearest `pyproject.toml` at or above it that has `[tool.lehr]`."""
    start = Path(spec).resolve()
    return _of_folder(start if start.is_dir() else start.parent)


def _of_folder(folder: Path) -> Config:
    for place in (folder, *folder.parents):
        path = place / "pyproject.toml"
        if not path.is_file():
            continue
        try:
            table: Any = tomllib.loads(path.read_text(encoding="utf-8")).get("tool", {}).get("lehr")
        except (OSError, ValueError) as error:
            raise BadConfig(f"{path}: {error}") from None
        if table is not None:
            return read(table, path)
    return Config()


def read(table: Any, path: Path) -> Config:
    """The configuration in a `[tool.lehr]` table.  Raises BadConfig."""
    try:
        tool = Tool.model_validate(table)
    except ValidationError as error:
        raise BadConfig(f"{path}: {_said(error)}") from None
    words = tool.lint.select + tool.lint.ignore + tool.lint.deny + tool.lint.warn + tool.lint.allow
    words += tuple(word for one in tool.lint.per_file.values() for word in one.select + one.ignore)
    _known(words, f"{path}: [tool.lehr.lint]")
    return Config(tool, path.parent)


def _known(words: tuple[str, ...], where: str) -> None:
    """Refuse what names no rule, no family and not all of them."""
    if not words:
        return
    from .codes import names

    known = {"ALL"} | {word for code, name in names().items() for word in (code, name, code[:3])}
    for word in words:
        if word not in known:
            raise BadConfig(f"{where}: there is no rule or family `{word}`{_close(word, known)}")


def _said(error: ValidationError) -> str:
    """The first fault, with the key's table and the nearest name."""
    fault = error.errors()[0]
    *way, key = [str(part) for part in fault["loc"]] or [""]
    table = ".".join(["tool", "lehr", *way])
    if fault["type"] == "extra_forbidden":
        at: type[BaseModel] = Tool
        for part in way:
            inner = next((one for name, one in _inner(at) if name == part), None)
            at = inner or at
        names = [info.alias or name for name, info in at.model_fields.items()]
        return f"[{table}] has no key `{key}`{_close(key, names)}"
    return f"[{table}] `{key}`: {fault['msg'].lower()}"


def _inner(table: type[BaseModel]) -> list[tuple[str, type[BaseModel]]]:
    """The tables inside one, by the name that is written."""
    found: list[tuple[str, type[BaseModel]]] = []
    for name, info in table.model_fields.items():
        kind = info.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            found.append((info.alias or name, kind))
    return found


def _close(word: str, names: Any) -> str:
    close = nearest(word, list(names))
    return f"; did you mean `{close[0]}`?" if close else ""
