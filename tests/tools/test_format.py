"""The formatter: what it keeps, what it makes of a text, and that it is done after once."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from specs_at_random import specs

from lehr.compiler.front import ast, parse
from lehr.compiler.text import Source
from lehr.compiler.tools.format import formatted

ROOT = Path(__file__).parent.parent.parent
SPECS = [*(ROOT / "specs").rglob("*.lehr"), *(ROOT / "tests").rglob("*.lehr")]


def tidy(text: str) -> str:
    found, letters = formatted(Source("a.lehr", text))
    assert letters == []
    assert found is not None
    return found


def tree(text: str) -> ast.File:
    file, letters = parse(Source("a.lehr", text))
    assert [(found.code, str(found.span)) for found in letters] == []
    return file


def comments(text: str) -> list[str]:
    return [comment.text.rstrip() for comment in tree(text).comments]


@settings(max_examples=300)
@given(specs())
def test_any_spec_keeps_its_tree_and_its_comments_and_is_tidy_after_once(text: str):
    before = tree(text)
    once = tidy(text)
    assert tree(once) == before
    assert comments(once) == comments(text)
    assert tidy(once) == once
    assert not any(line != line.rstrip() for line in once.split("\n"))


@pytest.mark.parametrize("path", SPECS, ids=[path.name for path in SPECS])
def test_the_specs_of_this_project_stay_what_they_are(path: Path):
    text = path.read_text()
    if parse(Source(str(path), text))[1]:
        assert formatted(Source(str(path), text))[0] is None
    else:
        assert tree(tidy(text)) == tree(text)
        assert tidy(tidy(text)) == tidy(text)


def test_a_text_that_does_not_parse_is_left_alone():
    found, letters = formatted(Source("a.lehr", "lehr 1\nx =\n"))
    assert found is None
    assert [letter.code for letter in letters] == ["SYN101"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("lehr 1\na=1", "lehr 1\na = 1\n"),
        ("lehr 1\r\n\r\n\r\n\r\na=1\r\n", "lehr 1\n\na = 1\n"),
        ("lehr 1\nt x{}\n", "lehr 1\nt x {}\n"),
        ("lehr 1\nt x {\n\n\n}", "lehr 1\nt x {}\n"),
        ("lehr 1\nt x{a=1;b=2}", "lehr 1\nt x { a = 1;  b = 2 }\n"),
        (
            "lehr 1\nt x {\n\na=1\n\n\nlonger=2;b=3\n\n}",
            "lehr 1\nt x {\n  a = 1\n\n  longer = 2;  b = 3\n}\n",
        ),
        ("lehr 1\nt x {\na=1\nlonger=2\n}", "lehr 1\nt x {\n  a      = 1\n  longer = 2\n}\n"),
        ("lehr 1\nx = [ a,b , ]", "lehr 1\nx = [a, b]\n"),
        ("lehr 1\nx = [ a,\nb ]", "lehr 1\nx = [\n  a,\n  b,\n]\n"),
        ("lehr 1\nx = f( a:1,b : -2 )", "lehr 1\nx = f(a: 1, b: -2)\n"),
        ("lehr 1\nx = a [ * ] . b..c+- d", "lehr 1\nx = a[*].b..c + -d\n"),
        ("lehr 1\nx = 1 / 256 * 20 tokens/1 params", "lehr 1\nx = 1/256 * 20 tokens / 1 params\n"),
        ("lehr 1\nx = 8k   context", "lehr 1\nx = 8k context\n"),
        ("lehr 1\nx=1 #a\ny=22  #b", "lehr 1\nx = 1   #a\ny = 22  #b\n"),
        ("lehr 1\nx=0\n->1 at 5%\n->100 at end", "lehr 1\nx = 0\n  -> 1   at 5%\n  -> 100 at end\n"),
        (
            "lehr 1\ncorpus a{t=1}\ncorpus long{t=22}\nmix m{}",
            "lehr 1\ncorpus a    { t = 1 }\ncorpus long { t = 22 }\nmix    m    {}\n",
        ),
        (
            "lehr 1\nexpect a.b==1\nexpect a<=2 within 5%",
            "lehr 1\nexpect a.b == 1\nexpect a   <= 2 within 5%\n",
        ),
        ("lehr 1\nlet a=1\nparam bb:count=2", "lehr 1\nlet a = 1\nparam bb: count = 2\n"),
    ],
)
def test_what_it_makes_of_a_text(text: str, expected: str):
    assert tidy(text) == expected


def test_a_one_line_block_that_is_too_long_is_opened():
    text = "lehr 1\nt x { " + ";  ".join(f"field_{i} = {i}" for i in range(9)) + " }\n"
    assert tidy(text).split("\n")[1:4] == ["t x {", "  field_0 = 0", "  field_1 = 1"]


def test_the_draft_of_llama_is_what_people_read(golden):
    golden("llama3.lehr", tidy((ROOT / "specs" / "llama3.lehr").read_text()))
