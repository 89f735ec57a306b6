"""`command("grade.py")`: a program of the user's reads answers as JSON lines and writes a score for each."""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from .. import door
from .asked import Asked, Judge
from .child import Failed, Limits, ran

LIMITS = Limits(seconds=300.0, memory=4 << 30)
_LONGEST = 1000


def command(
    program: Path, root: Path, limits: Limits = LIMITS, stopping: Callable[[], bool] = lambda: False
) -> Judge:
    """A judge that starts the program once for each batch of answers; raises Failed.

    A line says `{"id": …, "prompt": …, "messages": […], "answer": …, "ended": …, "meta": {…}}`; what comes back is a
    line for each, in order: a number, or an object with a `score`.
    """
    first = [sys.executable] if program.suffix == ".py" else []

    def judge(asked: Sequence[Asked]) -> list[float]:
        if not asked:
            return []
        said = "".join(json.dumps(row(one), ensure_ascii=False, sort_keys=True) + "\n" for one in asked)
        found = ran([*first, os.fspath(program)], said.encode(errors="replace"), limits, root, stopping)
        return scores(found, len(asked))

    return judge


def row(one: Asked) -> dict[str, object]:
    """What a program is told of an answer."""
    turns = [{"role": turn.role, "content": turn.content} for turn in one.prompt.messages]
    return {
        "id": one.prompt.id,
        "prompt": turns[-1]["content"] if turns else "",
        "messages": turns,
        "answer": one.answer,
        "ended": one.ended,
        "meta": one.prompt.meta,
    }


def scores(said: bytes, count: int) -> list[float]:
    """As many finite numbers as there were answers, or Failed with the first line that is none."""
    lines = [line for line in said.decode(errors="replace").splitlines() if line.strip()]
    if len(lines) != count:
        raise Failed(f"wrote {len(lines)} scores for {count} answers")
    return [_score(line, number) for number, line in enumerate(lines, 1)]


def _score(line: str, number: int) -> float:
    try:
        found = door.parse(line[:_LONGEST])
    except ValueError as error:
        raise Failed(f"line {number} of its scores {error}") from None
    found = found.get("score") if isinstance(found, dict) else found
    if isinstance(found, bool) or not isinstance(found, int | float) or not math.isfinite(found):
        raise Failed(f"line {number} of its scores is no finite number: {line[:80]}")
    return float(found)
