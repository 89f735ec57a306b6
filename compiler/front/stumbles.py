"""Errors by example: every way to trip over the grammar, and what is said about it.

One row is one stumble.  Its snippets are broken on purpose: `letters` reads
them once, at the first error, to learn which situation in the parser belongs to
which row, and the tests read them to see that it does.  Where several rows
teach the same situation, the first whose `marks` fits the text is chosen.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Stumble:
    """A broken snippet teaches the parser what to say.

    `marks` is a pattern of the text to be marked, `instead` what to write there
    (`\\1` is its first group).  A row that is not `taught` is recognised by hand.
    Snippets stand below the line `lehr 1`, unless they are the whole file.
    """

    code: str
    name: str
    headline: str
    help: str
    snippets: tuple[str, ...] = ()
    marks: str = ""
    instead: str | None = None
    taught: bool = True
    anywhere: bool = False


STUMBLES = (
    # ---- wherever they stand
    Stumble(
        "SYN111",
        "single-quotes",
        "text stands between double quotes",
        'write `"` on both sides',
        ("x = 'abc'", "x = f('a')", "corpus 'web' { }", "x = 'abc"),
        marks=r"'([^'\"\n]*)'|'",
        instead=r'"\1"',
        anywhere=True,
    ),
    Stumble(
        "SYN112",
        "slash-comment",
        "a comment begins with `#`",
        "write `#` for `//`",
        ("// a word", "x = 1 // a word", "b { // a word\n}", "x = [1, // it's (one)\n 2]"),
        marks="//",
        instead="#",
        anywhere=True,
    ),
    Stumble(
        "SYN113",
        "open-string",
        "this text is never closed",
        'put the closing `"` on the same line',
        ('x = "abc', 'x = f("abc)', 'b { x = "abc }'),
        marks=r'"[^\n]*',
        anywhere=True,
    ),
    # ---- fields
    Stumble(
        "SYN101",
        "empty-field",
        "this field has no value",
        "write a value after `=`, or take the line out",
        ("x =", "b { x = }", "let x =", "b { x = ; y = 1 }", "param x: count =", "next x ="),
    ),
    Stumble(
        "SYN104",
        "compared-field",
        "`==` compares; a field is set with `=`",
        "write `=`",
        ("x == 1", "x.y == 1", "let x == 1", "set x == 1", "next x == 1"),
        marks="==",
        instead="=",
    ),
    Stumble(
        "SYN109",
        "colon-field",
        "a field is set with `=`",
        "write `=` for `:`",
        ("x: 1", "x.y: 1", "let x: 1", "set x: 1"),
        marks=r"[ \t]*:",
        instead=" =",
    ),
    Stumble(
        "SYN130",
        "missing-equals",
        "a field needs `=` between its name and its value",
        "write `name = value`",
        ("x 5T", 'x "s"', "x [1]", "x (1)", "let x 1", "x", "x.y", "x.y 1", "x -1"),
    ),
    Stumble(
        "SYN125",
        "reserved-name",
        "this word begins a statement and cannot name a field",
        "choose another name",
        (
            "import = 1",
            "param = 1",
            "let = 1",
            "next = 1",
            "expect = 1",
            "require = 1",
            "set = 1",
            "scale = 1",
            "repeat = 1",
            "each = 1",
        ),
    ),
    Stumble(
        "SYN129",
        "param-without-kind",
        "a parameter says what kind of thing it is",
        "write `param name: kind = value`, say `param rounds: count = 6`",
        ("param x = 1", "param x", "param x 1"),
    ),
    Stumble(
        "SYN115",
        "decimal-comma",
        "a decimal point is written `.`",
        "write a point for the comma",
        ("x = 2,5T", "x = 1 -> 2 at 2,5T", "expect a == 2,5", "b { x = 2,5 }"),
        marks=r"(\d),(\d)",
        instead=r"\1.\2",
    ),
    Stumble(
        "SYN110",
        "stray-comma",
        "this comma separates nothing",
        "take it out; fields are separated by a new line or `;`",
        (
            "x = 1,",
            "x = f(a),",
            "x = [1,,2]",
            "x = [,1]",
            "x = f(,a)",
            "x = f(a,,b)",
            "b { x = 1, y = 2 }",
            "x = 1 -> 2 at 3,",
            "x = 1 ~> 2 by 3,",
            "x = 1 ~> 2 by 3 via cosine,",
            "x.y,",
            "b { },",
            "expect a == 1,",
            "expect a == 1 within 1%,",
            "require a == 1 at end,",
            "set x = 1,",
            "scale x by 1,",
            "scale x by 1 floor 2,",
            ", x = 1",
            "let x = 1,",
        ),
        marks=",",
        instead="",
    ),
    Stumble(
        "SYN137",
        "name-of-two-words",
        "a field's name is one word",
        "join the words with `_`",
        ("learning rate = 1", "b { learning rate = 1 }"),
    ),
    # ---- timelines, and gates before them: both wait for an `at`
    Stumble(
        "SYN136",
        "gate-without-moment",
        "a gate needs `at`: when it is measured",
        "write `require claim at end` or `at context`",
        ("require a == 1", "require a == 1 within 2%", "require a"),
        marks=r"\brequire\b[^\n;{}]*",
    ),
    Stumble(
        "SYN103",
        "arrow-without-value",
        "an arrow needs a value before its point",
        "write `-> value at point` or `~> value by point`",
        (
            "x = 0 ~> by end",
            "x = 0 ~> by 8k steps",
            "x = 1 -> at end",
            "x = 1 -> at 5",
            "x = 1 ->",
            "x = 1 ~>",
            "x = 0 ~> by end via cosine",
        ),
    ),
    Stumble(
        "SYN138",
        "jump-by",
        "a jump happens `at` its point; only a glide (`~>`) arrives `by` one",
        "write `at`",
        ("x = 1 -> 2 by 3", "x = 1 -> a by 3"),
        marks=r"\bby\b",
        instead="at",
    ),
    Stumble(
        "SYN102",
        "jump-without-point",
        "a jump needs `at` before its point",
        "write `-> value at point`",
        ("x = 1 -> 2 3", "x = 1 -> 2", "x = 1 -> a b", "x = 1 -> 2 -> 3 at 4", "x = 1 -> 2 ~> 3 by 4"),
    ),
    Stumble(
        "SYN139",
        "glide-at",
        "a glide arrives `by` its point; only a jump (`->`) happens `at` one",
        "write `by`",
        ("x = 0 ~> 1 at 3", "x = 0 ~> a at 3"),
        marks=r"\bat\b",
        instead="by",
    ),
    Stumble(
        "SYN108",
        "glide-without-point",
        "a glide needs `by` before its point",
        "write `~> value by point`",
        (
            "x = 0 ~> 1 3",
            "x = 0 ~> 1",
            "x = 0 ~> a b",
            "x = 0 ~> 1 via cosine",
            "x = 0 ~> 1 ~> 2 by 3",
            "x = 0 ~> 1 -> 2 at 3",
        ),
    ),
    Stumble(
        "SYN134",
        "missing-point",
        "this arrow has no point",
        "say where: `at 60%`, `by 8k steps`, `by end`",
        ("x = 1 -> 2 at", "x = 1 ~> 2 by", "x = 1 ~> 2 by via cosine"),
    ),
    # ---- claims
    Stumble(
        "SYN105",
        "assigning-claim",
        "`=` sets; a claim compares with `==`",
        "write `==`",
        ("expect a = b", "expect a.b = c", "expect 1 = b", "require a = 1 at end", "require 1 = a at end"),
        marks="=",
        instead="==",
    ),
    # ---- expressions
    Stumble(
        "SYN135",
        "assigning-argument",
        "an argument is named with `:`",
        "write `:` for `=`",
        ("x = f(a = 1)", "x = f(1, a = 1)"),
        marks=r"[ \t]*=",
        instead=":",
    ),
    Stumble(
        "SYN126",
        "half-choice",
        "a choice has three parts",
        "write `if test then value else value`",
        ("x = if a then b", "x = if a", "x = if a b", "x = if a then b c", "x = if a else b"),
    ),
    Stumble(
        "SYN128",
        "dangling-operator",
        "something is missing after this operator",
        "write what it works on, or take it out",
        (
            "x = 1 +",
            "x = 1 *",
            "x = 5% of",
            "x = a ==",
            "expect a ==",
            "x = a and",
            "x = a or",
            "x = not",
            "x = 1..",
            "x = a.",
            "x = [1 +]",
            "x = f(1 *)",
        ),
    ),
    Stumble(
        "SYN131",
        "missing-comma",
        "a comma is missing before this",
        "separate items with `,`",
        (
            "x = [1 2]",
            "x = [a b]",
            'x = ["a" "b"]',
            "x = f(a b)",
            "x = f(1 2)",
            "x = f(a: 1 b: 2)",
            "x = [1\n 2]",
        ),
    ),
    Stumble(
        "SYN132",
        "stray-bracket",
        "this bracket closes nothing",
        "take it out, or open it",
        (
            "x = 1)",
            "x = 1]",
            "x = [1)",
            "x = f(1]",
            "x = (1]",
            "x = )",
            "expect a)",
            "x = 1 -> 2 at 3)",
            "x = [a])",
        ),
    ),
    # ---- recognised by hand
    Stumble(
        "SYN100",
        "unreadable",
        "I did not expect {found} here",
        "",
        ("x = $", "* = 1", "x = 1 @ 2", "x = [1 : 2]", "x = a b"),
        taught=False,
    ),
    Stumble(
        "SYN106",
        "missing-brace",
        "a block's fields go between `{` and `}`",
        "write `{` at the end of the block's first line",
        (
            "corpus web tokens = 5T }",
            "train a\n  x = 1\n}",
            "train a\n{\n  x = 1\n}",
            "train a",
            "each a for b in c",
        ),
        taught=False,
    ),
    Stumble(
        "SYN107",
        "unclosed-block",
        "this block is never closed",
        "write the `}` that is missing",
        ("b {", "b {\n  x = 1\n", "b {\n  c { x = 1\n}\n", "b {\n  x = 1\nc {\n  y = 1\n}\n"),
        taught=False,
    ),
    Stumble(
        "SYN114",
        "open-bracket",
        "this bracket is never closed",
        "write the bracket that closes it",
        ("x = [1, 2", "x = f(1\ny = 2", "b { x = [a }", "x = (1 +\ny = 2", "x = f(a, [b]\n\nb { }"),
        taught=False,
    ),
    Stumble(
        "SYN116",
        "missing-edition",
        "a spec says on its first line which edition of the language it is in",
        "begin the file with `lehr 1`",
        ("", "x = 1", "# a word\nb { }"),
        taught=False,
    ),
    Stumble(
        "SYN117",
        "unknown-edition",
        "I know one edition of the language, which is 1",
        "write `lehr 1`",
        ("lehr 2", "lehr one", "lehr", "lehr 1.5", "lehr 1 tokens"),
        taught=False,
    ),
    Stumble(
        "SYN118",
        "stray-brace",
        "this brace closes nothing",
        "take it out, or open its block",
        ("}", "x = 1 }", "b { }\n}"),
        taught=False,
    ),
    Stumble(
        "SYN119",
        "not-utf-8",
        "this file is not UTF-8 from here on",
        "save it as UTF-8",
        taught=False,
    ),
    Stumble(
        "SYN120",
        "too-large",
        "this file is longer than 4 MiB",
        "split it, and `import` its parts",
        taught=False,
    ),
    Stumble(
        "SYN121",
        "too-deep",
        "this is nested deeper than I can follow",
        "name its parts with `let`",
        ("x = " + "(" * 200 + "1" + ")" * 200, "x = 1" + " + 1" * 500, "b { " * 99 + "}" * 99),
        taught=False,
    ),
    Stumble(
        "SYN122",
        "unbounded-number",
        "this number is beyond anything a recipe can mean",
        "use at most 60 digits and an exponent between -99 and 99",
        ("x = 1e999999999", "x = 1e-100", "x = " + "1" * 61),
        taught=False,
    ),
    Stumble(
        "SYN123",
        "unknown-escape",
        "there is no escape `{found}`",
        'the escapes are `\\\\`, `\\"`, `\\n`, `\\t`, `\\$` and `\\u{1F525}`',
        ('x = "a\\qb"', 'x = "\\u{110000}"', 'x = "\\u{}"'),
        taught=False,
    ),
    Stumble(
        "SYN124",
        "broken-interpolation",
        "what stands between `${` and `}` is not an expression",
        "write a name or a sum, as in `${pipeline.name}`; write `\\$` for a plain dollar",
        ('x = "${}"', 'x = "${a"', 'x = "${a b}"', 'x = "a${1 +}b"', 'x = "${a = 1}"'),
        taught=False,
    ),
    Stumble(
        "SYN127",
        "crowded-line",
        "two statements share this line",
        "begin a new line here, or write `;` between them",
        ("x = 1 y = 2", "b { } x = 1", "b { x = 1 y = 2 }", 'import "a" as b x = 1'),
        taught=False,
    ),
    Stumble(
        "SYN133",
        "too-many-faults",
        "I stop reading here, after a hundred faults",
        "mend those above first",
        taught=False,
    ),
)


def stumble(code: str) -> Stumble:
    """The row of a code."""
    return next(row for row in STUMBLES if row.code == code)
