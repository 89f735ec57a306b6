"""The built-in corpora by name: text that needs no download."""

from __future__ import annotations

from fractions import Fraction
from typing import Literal

from .code import code
from .documents import Split
from .prose import prose
from .skills import skills


def builtin(name: Literal["prose", "code", "skills"], *, wrong: Fraction, rng: int) -> Split:
    match name:
        case "prose":
            return prose()
        case "code":
            return code()
        case "skills":
            return skills(wrong, rng)
