"""Amounts as a person reads them: four digits, a prefix, a unit."""

from __future__ import annotations

from fractions import Fraction

from ..compiler.units import digits

_EXACT = 10**7
_PREFIXES = ((10**12, "T"), (10**9, "B"), (10**6, "M"), (10**3, "k"))


def amount(number: Fraction | float) -> str:
    """`15.6T`, `1 015 808`: whole numbers below ten million to the unit, all others rounded to four digits."""
    if number < _EXACT and Fraction(number).denominator == 1:
        return digits(Fraction(number))
    for size, prefix in _PREFIXES:
        if number >= size:
            return f"{float(number / size):.4g}{prefix}"
    return f"{float(number):.4g}"


def bytes_of(number: int) -> str:
    """`1.6 TB`: decimal, as disks are sold."""
    for size, unit in ((10**15, "PB"), (10**12, "TB"), (10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if number >= size:
            return f"{number / size:.3g} {unit}"
    return f"{number} B"


def duration(seconds: float) -> str:
    """`68.6 d`, `2.3 h`, `15 s`."""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.2g} s"


def count(number: int, noun: str) -> str:
    """`1 step`, `40 steps`."""
    return f"{digits(number)} {noun}{'' if number == 1 else 's'}"


def binary(number: int) -> str:
    """`128k` for 131 072 tokens, `4Mi` for 4 194 304: as contexts and batches are written."""
    for size, prefix in ((2**20, "Mi"), (2**10, "k")):
        if number >= size:
            return f"{number / size:.4g}{prefix}"
    return str(number)
