"""Texts as words, and words as numbers: by these near copies and leaked questions are found.

A word is a run of letters and digits in lower case; of scripts that put no blanks between words
(Han, Kana, Thai, Lao, Khmer, Burmese) it is one character.  Its number depends on nothing but
the word, in every process and on every machine.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.uint64]

_ALONE = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff"
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
)
_WORD = re.compile(rf"[{_ALONE}]|[^\W{_ALONE}]+")
_BLANK = 32
_PLAIN = bytes(
    ord(chr(at).lower()) if chr(at).isalnum() or at == 95 else _BLANK for at in range(128)
) + bytes(128)
_BASE = 0x9E3779B97F4A7C15
_TOGETHER = 1 << 18
"""Bytes whose words are numbered together: what stays in a core's cache."""


def words(text: str) -> list[bytes]:
    """The words of a text in their order."""
    return _spelt(text).split()


def _spelt(text: str) -> bytes:
    """The words of a text with blanks between."""
    if (
        text.isascii()
    ):  # thirty times as fast, and the same; so a text with a few other signs is read line by line
        return text.encode().translate(_PLAIN)
    lines = text.split("\n")
    return b" ".join(_spelt(line) if line.isascii() else _other(line) for line in lines)


def _other(line: str) -> bytes:
    return " ".join(_WORD.findall(unicodedata.normalize("NFC", line).lower())).encode()


def numbered(text: str) -> Numbers:
    """The number of each word of a text."""
    return numbered_each([text])[0]


def numbered_each(texts: Sequence[str]) -> tuple[Numbers, NDArray[np.int64]]:
    """The numbers of all words of some texts in a row, and where in it each text starts, and the end."""
    found, counts, held, size = list[Numbers](), list[int](), list[bytes](), 0

    def number() -> None:
        ends = np.cumsum([len(one) + 1 for one in held])
        numbers, places = _numbered(b" ".join([*held, b""]))
        found.append(numbers)
        counts.extend(np.diff(np.searchsorted(places, ends), prepend=0).tolist())

    for text in texts:
        held.append(_spelt(text))
        size += len(held[-1])
        if size > _TOGETHER:
            number()
            held, size = [], 0
    if held:
        number()
    return np.concatenate([np.empty(0, np.uint64), *found]), np.cumsum([0, *counts])


def _numbered(spelt: bytes) -> tuple[Numbers, NDArray[np.int64]]:
    """The number of each word, and where it begins.

    Bytes times powers of an odd number, added up from the beginning, give every stretch's sum as one difference;
    divided by the power at which the word begins it is the same wherever the word stands (Rabin and Karp).
    """
    code = np.frombuffer(spelt, np.uint8)
    inside = np.concatenate([[False], code != _BLANK, [False]])
    edges = np.flatnonzero(inside[1:] != inside[:-1])
    begins, ends = edges[::2], edges[1::2]
    powers, inverses = _powers(len(code))
    sums = np.empty(len(code) + 1, np.uint64)
    sums[0] = 0
    np.cumsum(code * powers[: len(code)], out=sums[1:])
    return mixed((sums[ends] - sums[begins]) * inverses[begins]), begins


def _powers(count: int) -> tuple[Numbers, Numbers]:
    global _known
    if len(_known[0]) < count:
        _known = _raised(_BASE, count), _raised(pow(_BASE, -1, 1 << 64), count)
    return _known


def _raised(base: int, count: int) -> Numbers:
    factors = np.full(count, base, np.uint64)
    factors[:1] = 1
    return np.cumprod(factors)


_known = (np.empty(0, np.uint64), np.empty(0, np.uint64))


def mixed(value: Numbers) -> Numbers:
    """A bijection of 64 bits whose every bit depends on all (the finaliser of MurmurHash3)."""
    value = (value ^ (value >> np.uint64(33))) * np.uint64(0xFF51AFD7ED558CCD)
    value = (value ^ (value >> np.uint64(33))) * np.uint64(0xC4CEB9FE1A85EC53)
    return value ^ (value >> np.uint64(33))


def runs(numbers: Numbers, length: int) -> Numbers:
    """The number of each run of `length` words, in the order in which they begin; none where the text is shorter."""
    count = max(0, len(numbers) - length + 1)
    total = numbers[:count].copy()
    for place in range(1, length):
        total *= np.uint64(_BASE)
        total += numbers[place : place + count]
    return total
