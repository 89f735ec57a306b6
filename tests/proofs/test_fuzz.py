"""Whatever stands in a file, `check` answers with letters: it never raises and never hangs."""

import random
import time
from pathlib import Path

import pytest

from lehr.compiler.journey import travel

pytestmark = pytest.mark.proof
ROOT = Path(__file__).parents[2]
PIECES = [
    "{",
    "}",
    "(",
    ")",
    "[",
    "]",
    "->",
    "~>",
    "=",
    "==",
    ";",
    "\n",
    '"',
    "${",
    "#",
    "of",
    "at",
    "by",
    "end",
    "rest",
    "1e99",
    "%",
]


@pytest.mark.parametrize("seed", range(8))
def test_broken_specs_are_answered(tmp_path: Path, seed: int):
    draw, path = random.Random(seed), tmp_path / "fuzzed.lehr"
    specs = [file.read_text() for file in (ROOT / "specs").glob("*.lehr")]
    specs += [file.read_text() for file in (ROOT / "tests/front/specs").rglob("*.lehr")]
    for _ in range(150):
        path.write_text(_broken(draw.choice(specs), draw))
        began = time.monotonic()
        travel(str(path))
        assert time.monotonic() - began < 5


def _broken(text: str, draw: random.Random) -> str:
    for _ in range(draw.randint(1, 6)):
        at, size = draw.randrange(len(text)), draw.randint(0, 12)
        words = draw.choice((PIECES, text.split()))
        text = (
            text[:at] + draw.choice((draw.choice(words), "", f" {draw.choice(words)} ")) + text[at + size :]
        )
    return text
