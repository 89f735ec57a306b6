"""Comments are kept: trailing ones as notes, `##` lines as docs, all of them in the file."""

from __future__ import annotations

from lehr.compiler.front import ast, parse
from lehr.compiler.text import Source

TEXT = """lehr 1
# for the reader

## Old.

## One.
##   Two.
#
## Three.
train a {   # the header
  x = "# none"  # a note
  y = [1,  # first
       2]  # last
  ## inner
  average { every = 1 step;  of = checkpoints }  # assumed: both
}
"""


def read() -> ast.File:
    return parse(Source("x.lehr", TEXT))[0]


def test_comments_arrive_in_order_and_say_whether_they_own_their_line():
    assert [(c.span.line, c.text, c.own_line) for c in read().comments] == [
        (2, " for the reader", True),
        (4, "# Old.", True),
        (6, "# One.", True),
        (7, "#   Two.", True),
        (8, "", True),
        (9, "# Three.", True),
        (10, " the header", False),
        (11, " a note", False),
        (12, " first", False),
        (13, " last", False),
        (14, "# inner", True),
        (15, " assumed: both", False),
    ]


def test_only_the_lines_directly_above_are_a_blocks_doc():
    (block,) = read().body
    assert isinstance(block, ast.Block)
    assert block.doc == "Three."
    assert [s.doc for s in block.body if isinstance(s, ast.Block)] == ["inner"]


def test_a_field_takes_the_note_of_its_first_line():
    (block,) = read().body
    assert isinstance(block, ast.Block)
    assert [f.note for f in block.body if isinstance(f, ast.Field)] == ["a note", "first"]


def test_a_note_behind_a_one_line_block_is_about_all_its_fields():
    (block,) = read().body
    assert isinstance(block, ast.Block)
    inner = next(s for s in block.body if isinstance(s, ast.Block))
    assert [f.note for f in inner.body if isinstance(f, ast.Field)] == ["assumed: both", "assumed: both"]


def test_two_indented_doc_lines_keep_their_shape():
    file = parse(Source("x.lehr", "lehr 1\n## One.\n##   Two.\nb { }\n"))[0]
    assert [s.doc for s in file.body if isinstance(s, ast.Block)] == ["One.\n  Two."]
