"""The built-in corpora by name: text that needs no download."""

from __future__ import annotations

from fractions import Fraction

from .code import code
from .documents import Split
from .prose import prose
from .skills import skills


def builtin(name: str, *, wrong: Fraction, rng: int) -> Split:
    match name:
        case "prose":
            return prose()
        case "code":
            return code()
        case "skills":
            return skills(wrong, rng)
        case _:
            raise ValueError(f"no corpus is called {name}")
