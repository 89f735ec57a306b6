"""One letter for one broken statement: the rest of the file is read as if nothing had happened."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from lehr.compiler.front import ast, parse
from lehr.compiler.text import Source

RICH = """lehr 1
import "lib/house.lehr" as house
param rounds count = 6
train a {
  from = x
  tokens =
  batch = 4Mi -> 8Mi 252M
  lr = 0 ~> by end
  context == 8k
  data = top(4, [x, y]
  good = 1
}
corpus web tokens = 5T }
train b { ok = 2 ; also = = 3 ; more = 4 }
expect a.tokens = 5% of b.tokens
repeat post for in 1..rounds carry policy = a {
  next policy = b
}
train c {
  x = 1 $ 2
  y = "unterminated
  z = 3
}
"""


def codes(text: str) -> list[str]:
    return [letter.code for letter in parse(Source("x.lehr", text))[1]]


def tree(text: str) -> ast.File:
    return parse(Source("x.lehr", text))[0]


def test_twelve_faults_are_twelve_letters():
    assert codes(RICH) == [
        *("SYN100", "SYN101", "SYN102", "SYN103", "SYN104", "SYN114", "SYN106", "SYN100"),
        *("SYN105", "SYN100", "SYN100", "SYN113"),
    ]


def test_every_block_of_a_broken_file_is_there_with_its_fields():
    blocks = [s for s in tree(RICH).body if isinstance(s, ast.Block)]
    names = {
        b.name.text: [f.path[0].text for f in b.body if isinstance(f, ast.Field)] for b in blocks if b.name
    }
    assert names == {
        "a": ["from", "tokens", "batch", "lr", "context", "data", "good"],
        "web": ["tokens"],
        "b": ["ok", "also", "more"],
        "c": ["x", "y", "z"],
    }


def test_what_was_saved_of_a_broken_field_is_a_hole():
    block = next(s for s in tree(RICH).body if isinstance(s, ast.Block))
    holes = [f.path[0].text for f in block.body if isinstance(f, ast.Field) and isinstance(f.value, ast.Hole)]
    assert holes == ["tokens", "batch", "lr", "context", "data"]


def test_names_that_a_broken_statement_defines_stay_defined():
    file = tree(RICH + "let q == 1\nimport 'x' as other\n")
    assert [s.name.text for s in file.body if isinstance(s, ast.Let)] == ["rounds", "q", "other"]
    loop = next(s for s in file.body if isinstance(s, ast.Repeat))
    assert (loop.name.text, loop.carries[0].name.text, len(loop.body)) == ("post", "policy", 1)


def test_a_broken_one_line_block_does_not_harm_its_neighbours():
    file = tree("lehr 1\na { b { x = = 1 } ; y = 2 }\nz = 3\n")
    assert codes("lehr 1\na { b { x = = 1 } ; y = 2 }\nz = 3\n") == ["SYN100"]
    assert len(file.body) == 2


def test_a_record_in_braces_is_skipped_to_its_own_end():
    text = "lehr 1\na {\n  x = { k = 1\n    l = 2 }\n  y = 3\n}\nz = 4\n"
    assert codes(text) == ["SYN100"]
    assert len(tree(text).body) == 2


def test_the_margin_tells_which_block_was_left_open():
    text = "lehr 1\ntrain a {\n  average { x = 1\n  tokens = 2\n}\ntrain b {\n  y = 1\n\ntrain c { z = 1 }\n"
    _, found = parse(Source("x.lehr", text))
    assert [(d.code, d.span.line, d.labels[1].span.line) for d in found if d.span] == [
        ("SYN107", 3, 4),
        ("SYN107", 6, 9),
    ]
    assert [type(s).__name__ for s in tree(text).body] == ["Block", "Block", "Block"]


def test_a_block_open_at_the_end_shows_every_brace_that_is_open():
    _, (letter,) = parse(Source("x.lehr", "lehr 1\na { b {"))
    assert [(label.span.column, label.text) for label in letter.labels] == [
        (7, "opened here"),
        (3, "and this one"),
    ]


def test_an_open_bracket_is_shown_where_it_was_opened():
    _, (letter,) = parse(Source("x.lehr", "lehr 1\nx = f(1, [2]\ny = 3\n"))
    assert [(label.span.line, label.span.column) for label in letter.labels] == [(2, 6), (3, 1)]


def test_behind_a_bracket_left_open_a_line_set_in_no_further_is_read_for_itself():
    assert codes("lehr 1\nb {\n  x = f(1, [2,\n    3\n  y == 8k\n}\n") == ["SYN114", "SYN104"]


def test_without_a_first_line_the_rest_is_still_read():
    file, (letter,) = parse(Source("x.lehr", "train a { floor = 1 }\n"))
    assert (letter.code, len(file.body), file.edition) == ("SYN116", 1, 1)


def test_reading_stops_after_a_hundred_faults():
    found = codes("lehr 1\n" + "$\n" * 500)
    assert (len(found), found[-1]) == (101, "SYN133")


# ---- k broken lines, k letters -------------------------------------------------------

WAYS = (
    ("SYN101", "x{} ="),
    ("SYN102", "x{} = 1 -> 2 3M"),
    ("SYN103", "x{} = 0 ~> by end"),
    ("SYN104", "x{} == 8k"),
    ("SYN139", "x{} = 0 ~> 1 at 3k steps"),
    ("SYN109", "x{}: 1"),
    ("SYN110", "x{} = 1,"),
    ("SYN111", "x{} = 'text'"),
    ("SYN112", "x{} = 1 // why"),
    ("SYN113", 'x{} = "text'),
    ("SYN114", "x{} = f(1, [2, 3"),
    ("SYN115", "x{} = 2,5T"),
    ("SYN100", "x{} = a $ b"),
    ("SYN100", "b{} {{ x = 1; y = = 2; z = 3 }}"),
    ("SYN106", "corpus c{} x = 1 }}"),
    ("SYN105", "expect x{} = 1"),
)
SOUND = (
    "y{} = 1",
    "y{} = 8k -> 16k at 2T\n    -> 32k at 3T",
    "b{} {{ x = 1 }}",
    "expect y{} == 1",
    "# why",
    "",
)


@st.composite
def damaged(draw: st.DrawFn) -> tuple[str, list[str]]:
    """A file of blocks, some of whose lines are broken, and the codes of those."""
    lines, expected = ["lehr 1"], []
    for number in range(draw(st.integers(1, 4))):
        lines.append(f"train t{number} {{")
        for line in draw(st.lists(st.one_of(st.sampled_from(WAYS), st.sampled_from(SOUND)), max_size=6)):
            code, text = line if isinstance(line, tuple) else ("", line)
            expected += [code] if code else []
            lines.append("  " + text.format(len(lines)))
        lines.append("}")
    return "\n".join(lines) + "\n", expected


@settings(max_examples=150)
@given(damaged())
def test_k_broken_lines_are_k_letters(case: tuple[str, list[str]]):
    text, expected = case
    assert codes(text) == expected
    assert len(tree(text).body) == text.count("train")
