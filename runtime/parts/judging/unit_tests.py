"""Unit tests as a judge: the answer's Python and the prompt's tests, in a process of their own."""

from __future__ import annotations

import re
import secrets
import sys
import tempfile
from pathlib import Path

from .child import Failed, Limits, ran

LIMITS = Limits(seconds=10.0, memory=512 << 20)
_FENCED = re.compile(r"```(?:python|py)?[ \t]*\n(.*?)```", re.DOTALL)
_PASSED = "lehr: passed"


def passes(answer: str, tests: str, limits: Limits = LIMITS) -> bool:
    """Whether the tests run to their end after the answer's code; what it prints or leaves behind does not count.

    The last word is a line that only the end of the tests prints, so that an answer that exits early fails.
    """
    word = f"{_PASSED} {secrets.token_hex(8)}"
    whole = f"{code(answer)}\n\n{tests}\n\nimport sys as _sys\n_sys.stdout.write({chr(10) + word!r})\n"
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "answer.py"
        place.write_text(whole, encoding="utf-8", errors="replace")
        try:
            said = ran([sys.executable, "-I", "-S", str(place)], b"", limits, Path(folder))
        except Failed:
            return False
    return said.decode(errors="replace").rpartition("\n")[2] == word


def code(answer: str) -> str:
    """The fenced Python of an answer; without a fence, all of it."""
    fenced = _FENCED.findall(answer)
    return "\n".join(fenced) if fenced else answer
