"""The grammar is LALR(1) without conflicts, and the tables that ship are its tables."""

from __future__ import annotations

import json

import pytest

from lehr.compiler.front import tables
from lehr.compiler.front.newlines import Newlines

PROGRAM = """lehr 1
train a like b {
  x = 1 -> 2 at 3  # why
    ~> 4 by end via cosine
  y = [a[*].b, f(1, k: 2),
       "s"] ; z = if not a == 1..2 and b or c then -1 else 5% of (x + y) * 2
}
"""


def test_the_grammar_has_no_conflict_and_no_two_tokens_collide():
    assert tables.build(strict=True).options.strict is True


def test_the_tables_that_ship_belong_to_this_grammar():
    stored = json.loads(tables.TABLES.read_text(encoding="utf-8"))
    assert stored["stamp"] == tables.stamp(), "run `python -m lehr.compiler.front.tables`"


def test_the_tables_that_ship_read_what_built_ones_read():
    assert tables.parser().parse(PROGRAM, start="file") == tables.build().parse(PROGRAM, start="file")


@pytest.mark.parametrize("damage", ["", "{", "{}", '{"stamp": 1}', "[]"])
def test_damaged_tables_are_built_anew(damage: str, tmp_path, monkeypatch):
    monkeypatch.setattr(tables, "TABLES", tmp_path / "tables.json")
    tables.TABLES.write_text(damage, encoding="utf-8")
    assert tables.parser.__wrapped__().parse("lehr 1", start="file").data == "file"


def test_tables_can_be_written_and_read_back(tmp_path, monkeypatch):
    monkeypatch.setattr(tables, "TABLES", tmp_path / "tables.json")
    monkeypatch.setattr(tables, "MACHINE", tmp_path / "machine.json")
    tables.write()
    assert tables.parser.__wrapped__().source_path == "<deserialized>"


def test_only_newlines_inside_brackets_are_dropped():
    parser = tables.parser()
    kinds = [
        token.type for token in parser.parse_interactive("lehr 1\nx = [a,\nb]\n", "file").exhaust_lexer()
    ]
    assert kinds.count("_NL") == 2
    assert Newlines.always_accept == ("_NL",)
