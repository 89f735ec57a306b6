"""Codes are for ever: each has one name, and each name one code."""

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
_PAIR = re.compile(r'"([A-Z]{3}\d{3})"\s*[,:]\s*"([a-z][a-z-]+)"')


def pairs() -> set[tuple[str, str]]:
    folders = (ROOT / name for name in ("cli", "compiler", "runtime"))
    return {
        pair
        for folder in folders
        for path in folder.rglob("*.py")
        for pair in _PAIR.findall(path.read_text())
    }


def test_a_code_has_one_name_and_a_name_one_code():
    found = sorted(pairs())
    assert len(found) > 60
    assert len({code for code, _ in found}) == len(found)
    assert len({name for _, name in found}) == len(found)


def test_the_first_digit_is_a_severity():
    assert {code[3] for code, _ in pairs()} <= {"1", "2", "3"}
