"""What is read quickly is what Lark reads, to the character; what is not sound is left to Lark."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lehr.compiler.front import quick, tables
from lehr.compiler.front.quick import MACHINE
from lehr.compiler.front.reader import Reader, expression
from lehr.compiler.front.tree import Branch, Child
from lehr.compiler.text import Source

ROOT = Path(__file__).parents[2]
SPECS = sorted({*ROOT.glob("specs/**/*.lehr"), *ROOT.glob("tests/**/*.lehr")})
WORDS = "import param let next expect require set scale repeat each carry for in as at by via like of if then else"
SIGNS = [
    *WORDS.split(),
    "or",
    "and",
    "not",
    "within",
    "floor",
    "lehr",
    "ofx",
    "forx",
    "a",
    "b",
    "end",
    "2,5T",
]
SIGNS += [
    "1",
    "128k context",
    "1..2",
    "2.5e3",
    '"x"',
    '"${a.b}"',
    "*",
    "/",
    "+",
    "-",
    "==",
    "<",
    "=",
    "->",
    "~>",
]
SIGNS += [
    "..",
    ".",
    ",",
    ":",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    "\n",
    "\r\n",
    "\r",
    ";",
    "\f",
    " ",
    "\t",
    "# c\n",
    "#",
]
STATEMENTS = [
    "x = 1 -> 2 at 3  # why\n    ~> 4 by end via cosine",
    'y = [a[*].b, f(1, k: 2,),\n  "s"] ; z = if not a == 1..2 and b or c then -1 else 5% of (x + y) * 2',
    "train a like b.c { x = 1\n\n; y.z = (2) }",
    "train { }",
    "each e for i in [1,\n# in between\n2] { dpo d { at = at } }",
    "repeat post for round in 1..3 carry policy = anneal, other = x {\n next policy = d[round]\n}",
    'import "lib/a.lehr" as a',
    "param p: steps = 3 steps",
    "let l = x  \n  # a comment\n\n   -> 2 at 5",
    "expect a.b(c) == 1 within 2%",
    "require a > b within 1% at context",
    "set train.a[1].b = 2 -> 3 at 4",
    "scale tokens by 1/100 floor 2k",
    "train forx { of = of of of; by = by + at }",
]


def same(one: Child, other: Child) -> bool:
    if not (isinstance(one, Branch) and isinstance(other, Branch)):
        return one == other
    alike = (one.rule, one.start, one.end, len(one.children)) == (
        *(other.rule, other.start, other.end),
        len(other.children),
    )
    return alike and all(map(same, one.children, other.children))


def agrees(text: str) -> bool:
    """Whether the text is read quickly; then Lark reads the same, without a letter."""
    tree = quick.file(text)
    if tree is None:
        return False
    reader = Reader(Source("x.lehr", text))
    _edition, *body = reader.read().children
    assert len(body) == len(tree.children) - 1, text
    assert all(map(same, tree.children[1:], body)), text
    assert reader.found == [], text
    return True


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_a_spec_is_read_as_lark_reads_it(path: Path):
    text = path.read_text(encoding="utf-8")
    assert agrees(text) or Reader(Source("x.lehr", text)).read() is not None


@pytest.mark.parametrize("name", ["llama3", "qwen2", "gemma2", "afm", "quickstart"])
def test_the_recipes_are_read_quickly(name: str):
    assert quick.file((ROOT / "specs" / f"{name}.lehr").read_text(encoding="utf-8"))


@pytest.mark.parametrize("statement", STATEMENTS)
@pytest.mark.parametrize("frame", ["lehr 1\n{}", "# first\n\n lehr 1;\r\n{}\n\n", "lehr 1 # c\n{}  # last"])
def test_every_statement_is_read_as_lark_reads_it(statement: str, frame: str):
    assert agrees(frame.format(statement))


@settings(max_examples=150)
@given(st.lists(st.sampled_from(STATEMENTS), max_size=5), st.data())
def test_statements_with_a_sign_put_in_or_a_stretch_taken_out(statements: list[str], data: st.DataObject):
    text = "lehr 1\n" + "\n".join(statements)
    for _ in range(data.draw(st.integers(0, 3))):
        at = data.draw(st.integers(0, len(text)))
        sign = data.draw(st.sampled_from(["", *SIGNS]))
        text = text[:at] + sign + text[at + data.draw(st.integers(0, 4)) :]
    agrees(text)


@settings(max_examples=200)
@given(st.lists(st.sampled_from(SIGNS), max_size=12), st.sampled_from(["", " "]))
def test_expressions_of_arbitrary_signs(signs: list[str], between: str):
    text = f"x{between.join(signs)}y"
    tree = quick.expression(text, 1, len(text) - 1)
    assert tree is None or same(tree, expression(text, 1, len(text) - 1))


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "lehr 2\n",
            "x = 1",
            "lehr 1\nx = 'a'",
            "lehr 1\nx = (1",
            "lehr 1\nx = 1 }",
            "lehr 1\n-> 1 at 2",
        ),
        *(
            "lehr 1\nx = 1\n;~> 2 by 3",
            "lehr 1\nx = \0",
            "lehr 1\nx = (" + "(" * 10**5,
            "lehr 1\nx = a" + "()" * 150,
        ),
        "lehr 1\nx = 1" + " " * 10**5 + "$",
    ],
    ids=lambda text: text[:20].strip(),
)
def test_what_is_wrong_is_left_to_lark(text: str):
    assert quick.file(text) is None


def test_the_machine_that_ships_belongs_to_this_grammar():
    stored = json.loads(MACHINE.read_text(encoding="utf-8"))
    assert stored["stamp"] == tables.stamp(), "run `python -m lehr.compiler.front.tables`"


def test_no_state_takes_one_text_for_two_kinds_but_a_word_for_a_name():
    made = quick.machine()
    both = [
        kinds for row in made.rows for kinds in made.kinds.values() if sum(one in row for one in kinds) > 1
    ]
    assert all(len(kinds) == 2 and kinds[1] == "NAME" and kinds[0] != "MUL" for kinds in both)


def test_sound_text_is_read_without_lark(tmp_path: Path):
    from subprocess import run
    from sys import executable

    say = "import sys; from lehr.compiler import check; check(sys.argv[1]); assert 'lark' not in sys.modules"
    run([executable, "-c", say, str(ROOT / "specs" / "quickstart.lehr")], check=True, cwd=tmp_path)
