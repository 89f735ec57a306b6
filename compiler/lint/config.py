"""The configuration: `[tool.lehr]` in the nearest `pyproject.toml`, and what flags add to it.

Thresholds are the only knobs of a rule.  An unknown key is a `BadConfig` with the
nearest name; nothing is silently ignored.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field, fields, is_dataclass, replace
from fnmatch import fnmatch
from functools import lru_cache
from math import isfinite
from pathlib import Path
from typing import Any, TypeVar, cast, get_origin, get_type_hints

from ..diagnostics.diagnostic import Diagnostic, Severity
from ..diagnostics.nearest import nearest
from ..errors import BadConfig

T = TypeVar("T")


def _key(default: Any, says: str, **bounds: float) -> Any:
    """A key of a table: its default, what it means, and its bounds."""
    return field(default=default, metadata={"says": says, **bounds})


@dataclass(frozen=True, slots=True)
class Schedule:
    """Thresholds of the rules about schedules."""

    min_steps: int = _key(10, "Fewest steps of a stage or phase (SCH204).", least=1)
    warmup_share: float = _key(0.25, "Longest warm-up, as a share of its stage (SCH202).", least=0, most=1)
    lr_jump: float = _key(2.0, "Largest jump of the rate between stages (SCH201).", least=1)
    lr_width: float = _key(10.0, "Largest product of learning rate and width (SCH208).", least=0)
    decay_share: float = _key(
        0.9, "Share of a stage before which a decay is early (SCH215).", least=0, most=1
    )
    unsaved_steps: int = _key(20_000, "Longest stage without checkpoints (SCH302).", least=1)


@dataclass(frozen=True, slots=True)
class Data:
    """Thresholds of the rules about data."""

    max_passes: float = _key(4.0, "Most passes over a corpus (DAT203, DAT207).", least=0)


@dataclass(frozen=True, slots=True)
class PerFile:
    """What counts for some files only."""

    select: tuple[str, ...] = _key((), "Added to what is selected.")
    ignore: tuple[str, ...] = _key((), "Left out.")


@dataclass(frozen=True, slots=True)
class Lint:
    """Which rules count, and how much."""

    select: tuple[str, ...] = _key(("ALL",), "Families, codes or names; the more specific wins.")
    ignore: tuple[str, ...] = _key((), "The same, left out.")
    deny: tuple[str, ...] = _key((), "Raised to errors.")
    warn: tuple[str, ...] = _key((), "Made warnings.")
    allow: tuple[str, ...] = _key((), "Turned off.")
    max_warnings: int | None = _key(None, "More warnings than this fail the check.", least=0)
    per_file: dict[str, PerFile] = field(
        default_factory=dict[str, PerFile], metadata={"says": "By a pattern of paths."}
    )
    schedule: Schedule = field(default=Schedule(), metadata={"says": "Thresholds."})
    data: Data = field(default=Data(), metadata={"says": "Thresholds."})


@dataclass(frozen=True, slots=True)
class Tool:
    """What `lehr check` looks at when nothing is named."""

    edition: int = _key(1, "Edition of the language.", least=1, most=1)
    specs: tuple[str, ...] = _key((), "Files and folders.")
    profiles: tuple[str, ...] | None = _key(None, "Profiles; default: all.")
    store: str = _key("", "Folder of finished artifacts, where a spec names none; default: beside the runs.")
    lint: Lint = field(default=Lint(), metadata={"says": "Rules."})


@dataclass(frozen=True)
class Config:
    """What counts.  `select` and `ignore` of the command line win over those of the file."""

    tool: Tool = Tool()
    folder: Path = Path()
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()

    @property
    def lint(self) -> Lint:
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
            found = _said(path, path.read_text(encoding="utf-8"))
        except BadConfig:
            raise
        except (OSError, ValueError) as error:
            raise BadConfig(f"{path}: {error}") from None
        if found is not None:
            return found
    return Config()


@lru_cache(maxsize=16)
def _said(path: Path, text: str) -> Config | None:
    """What a file with this text says; specs that lie together share it."""
    tools: Any = tomllib.loads(text).get("tool")
    if not isinstance(tools, dict) or "lehr" not in tools:
        return None
    return read(cast("dict[str, Any]", tools)["lehr"], path)


def read(table: Any, path: Path) -> Config:
    """The configuration in a `[tool.lehr]` table.  Raises BadConfig."""
    tool = _read(Tool, table, ("tool", "lehr"), path)
    words = tool.lint.select + tool.lint.ignore + tool.lint.deny + tool.lint.warn + tool.lint.allow
    words += tuple(word for one in tool.lint.per_file.values() for word in one.select + one.ignore)
    _known(words, f"{path}: [tool.lehr.lint]")
    return Config(tool, path.parent)


def _read(kind: type[T], table: Any, way: tuple[str, ...], path: Path) -> T:
    """A table of the file as one of ours; an unknown key or a value of another kind is refused."""
    where = f"{path}: [{'.'.join(way)}]"
    if not isinstance(table, dict):
        raise BadConfig(f"{where} is a table")
    known = {one.name.replace("_", "-"): one for one in fields(cast("Any", kind))}
    hints = get_type_hints(kind)
    values: dict[str, Any] = {}
    for key, value in cast("dict[str, Any]", table).items():
        if key not in known:
            raise BadConfig(f"{where} has no key `{key}`{_close(key, known)}")
        name = known[key].name
        values[name] = _value(hints[name], value, (*way, key), path)
        least, most = (known[key].metadata.get(bound) for bound in ("least", "most"))
        if least is not None and not values[name] >= least:
            raise BadConfig(f"{where} `{key}` is at least {least}")
        if most is not None and values[name] > most:
            raise BadConfig(f"{where} `{key}` is at most {most}")
    return kind(**values)


def _value(kind: Any, value: Any, way: tuple[str, ...], path: Path) -> Any:
    """A value of the file as the kind that its key holds."""
    if is_dataclass(kind):
        return _read(cast("type[Any]", kind), value, way, path)
    where = f"{path}: [{'.'.join(way[:-1])}] `{way[-1]}`"
    if get_origin(kind) is dict:
        if not isinstance(value, dict):
            raise BadConfig(f"{where} is a table")
        return {
            one: _read(PerFile, inner, (*way, one), path)
            for one, inner in cast("dict[str, Any]", value).items()
        }
    if kind in (tuple[str, ...], tuple[str, ...] | None):
        if not isinstance(value, list) or not all(isinstance(one, str) for one in cast("list[Any]", value)):
            raise BadConfig(f"{where} is a list of texts")
        return tuple(cast("list[str]", value))
    if kind is str:
        if not isinstance(value, str) or not value:
            raise BadConfig(f"{where} is a text")
        return value
    numbers = (int, float) if kind is float else (int,)
    if isinstance(value, bool) or not isinstance(value, numbers) or not isfinite(value):
        raise BadConfig(f"{where} is a {'number' if kind is float else 'whole number'}")
    return value


def _known(words: tuple[str, ...], where: str) -> None:
    """Refuse what names no rule, no family and not all of them."""
    if not words:
        return
    from .codes import names

    known = {"ALL"} | {word for code, name in names().items() for word in (code, name, code[:3])}
    for word in words:
        if word not in known:
            raise BadConfig(f"{where}: there is no rule or family `{word}`{_close(word, known)}")


def _close(word: str, names: Any) -> str:
    close = nearest(word, list(names))
    return f"; did you mean `{close[0]}`?" if close else ""
