"""Checks of an answer that need no model.

`exact_answer` and `contains` compare with `answer` in the prompt's meta, `unit_tests` runs the `tests` there.  An
answer that was cut off scores -0.5 with each: what did not end is never the best.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

from .asked import Asked, Judge, NoTruth

CUT_OFF = -0.5
_PARTLY = 0.3
"""Of a wrong answer all of whose words stand where they should."""
_SHORT = 100
"""Characters of an answer that scores a half for its length."""


def checker(name: str) -> Judge:
    """The check of this name; raises NoTruth where a prompt lacks what it needs."""
    check = CHECKS[name]

    def judge(asked: Sequence[Asked]) -> list[float]:
        return [check(one) if one.ended else CUT_OFF for one in asked]

    return judge


def exact_answer(one: Asked) -> float:
    """1 where it is right to the letter, else 0.3 times the share of words that stand in their place."""
    wanted, said = bare(truth(one)).split(), bare(one.answer).split()
    if wanted == said:
        return 1.0
    same = sum(left == right for left, right in zip(wanted, said, strict=False))
    return _PARTLY * same / max(len(wanted), len(said), 1)


def contains(one: Asked) -> float:
    """1 where the right answer stands somewhere in it, as whole words."""
    wanted, said = bare(truth(one)).split(), one.answer.split()
    said = [word.strip(".,;:!?\"'()") or word for word in said]
    return float(any(said[at : at + len(wanted)] == wanted for at in range(len(said) - len(wanted) + 1)))


def well_formed(one: Asked) -> float:
    """1 where it says something, holds no broken characters, and has the `format` that the prompt asks for.

    `json`, `number`, `word` and `line` are known; without one, brackets and code fences have to close.
    """
    text = one.answer.strip()
    if not text or "\ufffd" in text or any(ord(sign) < 32 and sign not in "\n\t" for sign in text):
        return 0.0
    match one.prompt.meta.get("format"):
        case "json":
            return float(_is_json(text))
        case "number":
            return float(_is_number(text))
        case "word":
            return float(len(text.split()) == 1)
        case "line":
            return float("\n" not in text)
        case _:
            return float(_closes(text))


def shorter(one: Asked) -> float:
    """Between 1 and 0: the more characters, the less."""
    return _SHORT / (_SHORT + len(one.answer.strip()))


def unit_tests(one: Asked) -> float:
    """1 where the answer's Python passes the prompt's `tests`, in a process of its own with limits."""
    from .unit_tests import passes

    tests = one.prompt.meta.get("tests")
    if not isinstance(tests, str) or not tests.strip():
        raise NoTruth(f"`{one.prompt.id}` has no `tests`")
    return float(passes(one.answer, tests))


CHECKS: dict[str, Callable[[Asked], float]] = {
    "exact_answer": exact_answer,
    "contains": contains,
    "well_formed": well_formed,
    "shorter": shorter,
    "unit_tests": unit_tests,
}


def truth(one: Asked) -> str:
    """The right answer, as the prompt's meta has it."""
    found = one.prompt.meta.get("answer")
    if isinstance(found, bool) or not isinstance(found, str | int | float) or not bare(str(found)):
        raise NoTruth(f"`{one.prompt.id}` has no `answer`")
    return str(found)


def bare(text: str) -> str:
    """Without the blanks around it and the full stop that ends it."""
    return text.strip().removesuffix(".").strip()


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _is_number(text: str) -> bool:
    try:
        float(text.removesuffix("."))
    except ValueError:
        return False
    return True


def _closes(text: str) -> bool:
    opened: list[str] = []
    for sign in text:
        if sign in "([{":
            opened.append(")]}"["([{".index(sign)])
        elif sign in ")]}" and (not opened or opened.pop() != sign):
            return False
    return not opened and text.count("```") % 2 == 0
