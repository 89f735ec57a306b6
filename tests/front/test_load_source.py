"""From bytes to text: what is wrong in the file is a letter, a path that cannot be read is an error."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from lehr.compiler.front import load, read
from lehr.compiler.front.source import LARGEST

WEIGHTY = ("lark", "pydantic", "networkx", "rich", "jinja2", "torch")


def test_a_file_is_shown_under_the_name_it_is_given(tmp_path: Path):
    (tmp_path / "a.lehr").write_text("lehr 1\n", encoding="utf-8")
    source, found = load(tmp_path / "a.lehr", "specs/a.lehr")
    assert source is not None
    assert (source.path, source.text, found) == ("specs/a.lehr", "lehr 1\n", [])


def test_a_byte_order_mark_is_let_pass(tmp_path: Path):
    (tmp_path / "a.lehr").write_bytes(b"\xef\xbb\xbflehr 1\nx = $\n")
    _, found = read(tmp_path / "a.lehr", "a.lehr")
    assert [str(letter.span) for letter in found] == ["a.lehr:2:5"]


def test_the_first_byte_that_is_not_text_is_shown(tmp_path: Path):
    (tmp_path / "a.lehr").write_bytes("lehr 1\n# é ".encode() + b"\xff\xfe later \xff\n")
    file, (letter,) = read(tmp_path / "a.lehr", "a.lehr")
    assert file is None
    assert (letter.code, str(letter.span), letter.labels[0].text) == ("SYN119", "a.lehr:2:5", "the byte 0xFF")


def test_no_more_is_read_than_will_be_looked_at(tmp_path: Path):
    (tmp_path / "a.lehr").write_text("é" * (5 * LARGEST), encoding="utf-8")
    source, found = load(tmp_path / "a.lehr")
    assert source is not None
    assert (LARGEST < len(source.text) <= 2 * LARGEST + 8, found) == (True, [])
    assert [letter.code for letter in read(tmp_path / "a.lehr")[1]] == ["SYN120"]


@pytest.mark.parametrize("path", ["missing.lehr", "."])
def test_a_path_that_cannot_be_read_raises(path: str, tmp_path: Path):
    with pytest.raises(OSError, match=r"."):
        load(tmp_path / path)


def test_the_door_is_light():
    code = f"import sys, lehr.compiler.front; print([m for m in {WEIGHTY!r} if m in sys.modules])"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout == "[]\n"
