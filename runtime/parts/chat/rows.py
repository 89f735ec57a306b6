"""Rows of conversations, prompts and pairs, as TRL's table of formats names them, in the store's tables.

Each is a record with an id, a text and what else is known as JSON: the text holds what was said, so that a
tokenizer can learn of it; the JSON holds who said it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...errors import StageError
from ..data.tables import read_records, records

ROLES = ("system", "user", "assistant", "tool")
TRAIN, HELDOUT = "train.parquet", "heldout.parquet"
PROMPTS, ANSWERS, PAIRS = "prompts.parquet", "answers.parquet", "pairs.parquet"
_PAIR = ("prompt", "chosen", "rejected", "edited", "level", "grades")

Meta = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Turn:
    role: str
    content: str


@dataclass(frozen=True, slots=True)
class Conversation:
    id: str
    messages: tuple[Turn, ...]
    meta: Meta = field(default_factory=dict[str, Any], hash=False)


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a model is asked; `meta["answer"]` is the right answer, where there is one that can be checked."""

    id: str
    messages: tuple[Turn, ...]
    meta: Meta = field(default_factory=dict[str, Any], hash=False)


@dataclass(frozen=True, slots=True)
class Pair:
    """Two answers to a prompt, perhaps with a third that people wrote out of the chosen one."""

    id: str
    prompt: tuple[Turn, ...]
    chosen: str
    rejected: str
    edited: str | None = None
    level: int | None = None
    """How much better: 0 is the least; None where nobody said."""
    grades: Mapping[str, tuple[int, int]] = field(default_factory=dict[str, tuple[int, int]], hash=False)
    """By what is graded, that of the chosen answer and that of the rejected one."""
    meta: Meta = field(default_factory=dict[str, Any], hash=False)


# ---- what a record says ------------------------------------------------------------


def chat(names: Iterable[str]) -> list[str]:
    """Those fields of a record that make it a conversation; none where it is none."""
    found = set(names)
    ways = ["messages"], ["prompt", "completion"]
    return next((way for way in ways if found.issuperset(way)), [])


def taken(record: Meta) -> tuple[str, Meta]:
    """The text and the rest of a record that is a conversation; raises ValueError with what is wrong with it."""
    rest = dict(record)
    if "messages" in rest:
        said = turns(rest.pop("messages"))
    else:
        said = (*asked(rest.pop("prompt"), "prompt"), *_answered(rest.pop("completion")))
    return contents(said), {**rest, "messages": told(said)}


def turns(found: Any, name: str = "messages") -> tuple[Turn, ...]:
    """A list of messages as turns; raises ValueError with what is wrong with it."""
    if not isinstance(found, list | tuple) or not found:
        raise ValueError(f"has no list of messages in `{name}`")
    return tuple(_turn(one, f"{name}[{place}]") for place, one in enumerate(found))


def asked(found: Any, name: str = "prompt") -> tuple[Turn, ...]:
    """A prompt: a text that a user says, or a list of messages."""
    return (Turn("user", _text(found, name)),) if isinstance(found, str) else turns(found, name)


def answer(found: Any, name: str) -> str:
    """One answer: a text, or a list of the one message that gives it."""
    if isinstance(found, str):
        return _text(found, name)
    said = turns(found, name)
    if len(said) != 1 or said[0].role != "assistant":
        raise ValueError(f"has more in `{name}` than one answer of the assistant")
    return said[0].content


def _answered(found: Any) -> tuple[Turn, ...]:
    text = isinstance(found, str)
    return (Turn("assistant", _text(found, "completion")),) if text else turns(found, "completion")


def _turn(found: Any, name: str) -> Turn:
    if not isinstance(found, Mapping):
        raise ValueError(f"has no message in `{name}`")
    role = found.get("role")  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    if role not in ROLES:
        raise ValueError(f"has a role in `{name}` that is none of {', '.join(ROLES)}: {str(role)[:40]!r}")  # pyright: ignore[reportUnknownArgumentType]
    return Turn(role, _text(found.get("content"), f"{name}.content"))  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]


def _text(found: Any, name: str) -> str:
    from ..data.reader import sound

    return sound(found, name)


def contents(said: Iterable[Turn]) -> str:
    return "\n".join(turn.content for turn in said)


def told(said: Iterable[Turn]) -> list[dict[str, str]]:
    return [{"role": turn.role, "content": turn.content} for turn in said]


# ---- tables ------------------------------------------------------------------------


def write_conversations(path: Path, found: Iterable[Conversation]) -> int:
    """Write them as they come; gives how many there were."""
    return _write(
        path,
        ((one.id, contents(one.messages), {**one.meta, "messages": told(one.messages)}) for one in found),
    )


def read_conversations(folder: Path, part: str = TRAIN) -> Iterator[Conversation]:
    """The conversations of a corpus, or those that a `sample` kept."""
    path = folder / ANSWERS
    for name, text, meta in _records(path if path.is_file() else folder / part):
        if "messages" not in meta:
            raise _no_chat(name, text)
        yield Conversation(name, _known(meta.pop("messages")), meta)


def write_prompts(path: Path, found: Iterable[Prompt]) -> int:
    """Prompts of one user's turn are written as texts, as those of files are."""
    return _write(path, (_prompt(one) for one in found))


def read_prompts(folder: Path) -> Iterator[Prompt]:
    for name, text, meta in _records(folder / PROMPTS):
        said = _known(meta.pop("messages")) if "messages" in meta else (Turn("user", text),)
        yield Prompt(name, said, meta)


def write_pairs(path: Path, found: Iterable[Pair]) -> int:
    return _write(path, (_pair(one) for one in found))


def read_pairs(folder: Path, part: str = PAIRS) -> Iterator[Pair]:
    for name, text, meta in _records(folder / part):
        if not {"prompt", "chosen", "rejected"} <= meta.keys():
            raise _no_pair(name, text)
        rest = {key: value for key, value in meta.items() if key not in _PAIR}
        grades = {key: (first, second) for key, (first, second) in meta.get("grades", {}).items()}
        prompt = _known(meta["prompt"])
        level, edited = meta.get("level"), meta.get("edited")
        yield Pair(name, prompt, meta["chosen"], meta["rejected"], edited, level, grades, rest)


def _prompt(one: Prompt) -> tuple[str, str, Meta]:
    plain = len(one.messages) == 1 and one.messages[0].role == "user"
    meta = one.meta if plain else {**one.meta, "messages": told(one.messages)}
    return one.id, contents(one.messages), meta


def _pair(one: Pair) -> tuple[str, str, Meta]:
    kept: Meta = {"prompt": told(one.prompt), "chosen": one.chosen, "rejected": one.rejected}
    given = {"edited": one.edited, "level": one.level}
    kept |= {name: value for name, value in given.items() if value is not None}
    if one.grades:
        kept["grades"] = {name: list(pair) for name, pair in one.grades.items()}
    text = "\n".join((contents(one.prompt), one.chosen, one.rejected))
    return one.id, text, {**one.meta, **kept}


def _known(found: list[dict[str, str]]) -> tuple[Turn, ...]:
    """Turns that were looked at when they were written."""
    return tuple(Turn(one["role"], one["content"]) for one in found)


def _write(path: Path, rows: Iterable[tuple[str, str, Meta]]) -> int:
    count = 0
    with records(path) as write:
        for name, text, meta in rows:
            write(name, text, json.dumps(meta, sort_keys=True, ensure_ascii=True) if meta else "")
            count += 1
    return count


def _records(path: Path) -> Iterator[tuple[str, str, Meta]]:
    for name, text, meta in read_records(path):
        yield name, text, json.loads(meta) if meta else {}


def _no_chat(name: str, text: str) -> StageError:
    headline = f"{name} is no conversation: it has no `messages`, and no `prompt` with a `completion`"
    notes = (f"it begins {text[:60]!r}",)
    help = ("let the corpus read records of conversations, or train on running text with `train`",)
    return StageError("RUN200", "no-conversation", headline, notes=notes, help=help)


def _no_pair(name: str, text: str) -> StageError:
    headline = f"{name} is no pair: it has no `prompt`, `chosen` and `rejected`"
    return StageError("RUN200", "no-conversation", headline, notes=(f"it begins {text[:60]!r}",))
