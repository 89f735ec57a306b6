"""The TextMate grammar sees what the lexer sees: every token of every spec has a scope of its family."""

import json
import re
from pathlib import Path

import pytest

from lehr.compiler.front import tables
from lehr.compiler.front.comments import comments
from lehr.compiler.text import Source
from lehr.compiler.tools.editor import files, grammar

ROOT = Path(__file__).parent.parent.parent
SPECS = [*(ROOT / "specs").rglob("*.lehr"), ROOT / "tests" / "graph" / "specs" / "pieces.lehr"]
FAMILY = {
    "NUMERAL": "constant.numeric",
    "STRING": "string",
    "_JUMP": "keyword.operator",
    "_GLIDE": "keyword.operator",
    "COMPARE": "keyword.operator",
    "ADD": "keyword.operator",
    "EQUAL": "keyword.operator",
    "EVERY": "keyword.operator",
    "_TO": "keyword.operator",
}


class TextMate:
    """As much of a TextMate engine as the grammar uses: the earliest match wins, then the first rule."""

    def __init__(self) -> None:
        self.repository = grammar()["repository"]
        self.top = self._rules(grammar()["patterns"])

    def _rules(self, patterns):
        for rule in patterns:
            if "include" in rule:
                yield from self._rules(self.repository[rule["include"][1:]]["patterns"])
            else:
                yield rule

    def scopes(self, line: str) -> list[str]:
        """The scope of every character of a line."""
        found = [""] * len(line)
        self._paint(line, 0, len(line), list(self._rules(grammar()["patterns"])), found)
        return found

    def _paint(self, line: str, start: int, end: int, rules, found: list[str]) -> None:
        while start < end:
            best = None
            for rule in rules:
                match = re.compile(rule.get("match") or rule["begin"]).search(line, start, end)
                if match and (best is None or match.start() < best[0].start()):
                    best = (match, rule)
            if best is None:
                return
            match, rule = best
            start = self._apply(line, match, rule, end, found)

    def _apply(self, line: str, match, rule, end: int, found: list[str]) -> int:
        if "begin" not in rule:
            if "name" in rule:
                found[match.start() : match.end()] = [rule["name"]] * (match.end() - match.start())
            for group, scope in rule.get("captures", {}).items():
                low, high = match.span(int(group))
                found[low:high] = [scope["name"]] * (high - low)
            return max(match.end(), match.start() + 1)
        inside = self._closing(line, match.end(), end, rule)
        found[match.start() : inside] = [rule["name"]] * (inside - match.start())
        self._paint(line, match.end(), inside, list(self._rules(rule.get("patterns", []))), found)
        return max(inside, match.end())

    def _closing(self, line: str, start: int, end: int, rule) -> int:
        at = start
        while at < end and line[at] != '"':
            at += 2 if line[at] == "\\" else 1
        if rule["begin"] == '"':
            return min(at + 1, end)
        close = re.compile(rule["end"]).search(line, start)
        return close.end() if close else end


def expected(token) -> str | None:
    if token.type in FAMILY:
        return FAMILY[token.type]
    if token.type == "NAME" or not str(token).isalpha():
        return "keyword" if token.type == "MUL" else None
    return "keyword"


@pytest.mark.parametrize("path", SPECS, ids=[path.name for path in SPECS])
def test_every_token_has_a_scope_of_its_family(path: Path):
    text = path.read_text()
    engine = TextMate()
    lines = [engine.scopes(line) for line in text.split("\n")]
    source = Source(str(path), text)
    wrong = []
    for token in tables.parser().parse_interactive(text, "file").exhaust_lexer():
        line, column = source.position(token.start_pos)
        wanted = expected(token)
        scope = lines[line - 1][column - 1] if token.type != "_NL" else ""
        if wanted and not scope.startswith(wanted):
            wrong.append((str(source.position(token.start_pos)), token.type, str(token), scope))
    assert wrong == []
    for comment in comments(source):
        assert lines[comment.span.line - 1][comment.span.column - 1].startswith("comment")


def test_kinds_names_and_fields_have_scopes_of_their_own():
    scopes = TextMate().scopes("train grown like base { from = newborn;  lr = 1e-3 }")
    at = {word: scopes["train grown like base { from = newborn;  lr = 1e-3 }".index(word)] for word in
          ("train", "grown", "like", "base", "from", "newborn", "lr", "1e-3")}  # fmt: skip
    assert at["train"].startswith("entity.name.type")
    assert at["grown"].startswith("entity.name.function")
    assert at["like"].startswith("keyword")
    assert at["from"].startswith("variable.other.property")
    assert at["lr"].startswith("variable.other.property")
    assert at["1e-3"].startswith("constant.numeric")


def test_a_contextual_word_may_be_a_field():
    line = "merge blend { of = runs;  by = 1 }"
    scopes = TextMate().scopes(line)
    assert scopes[line.index("of")].startswith("variable.other.property")
    assert scopes[line.index("by")].startswith("variable.other.property")


def test_the_extension_is_whole():
    made = {path: json.loads(text) for path, text in files("1.2.3").items()}
    (declared,) = made["package.json"]["contributes"]["grammars"]
    assert declared["path"].removeprefix("./") in made
    assert made["syntaxes/lehr.tmLanguage.json"]["scopeName"] == declared["scopeName"]


@pytest.mark.parametrize(
    ("line", "word", "scope"),
    [
        ("## What this is for.", "What", "comment.block.documentation"),
        ("x = 1  # plain words", "plain", "comment.line"),
        ("x = 1  # lehr: allow SCH204 -- the paper", "allow", "keyword.other.allow"),
        ("x = 1  # assumed: not said", "assumed", "keyword.other.provenance"),
        ("x = 1  # source: table 3", "source", "keyword.other.provenance"),
        ('x = "a # no comment"', "# no", "string"),
        ('x = "a ${30 tokens} b"', "30 tokens", "constant.numeric"),
        ('x = "a ${30 tokens} b"', "b", "string"),
        ('x = "\\" still" # over', "still", "string"),
        ('x = "\\" still" # over', "over", "comment"),
        ("lr = 0 ~> 1e-3 by 10 steps", "~>", "keyword.operator.arrow"),
        ("lr = 0 ~> 1e-3 by 10 steps", "10 steps", "constant.numeric"),
    ],
)
def test_a_piece_of_a_line_has_its_scope(line: str, word: str, scope: str):
    start = line.index(word)
    assert {found[: len(scope)] for found in TextMate().scopes(line)[start : start + len(word)]} == {scope}
