"""The TextMate grammar, made of the parser's own terminals, so that colours and parser agree.

Nine patterns: comments and docs, strings with interpolation, quantities,
statements' words, block headers, fields, arrows, contextual words, the rest.
"""

from __future__ import annotations

from typing import Any

from ...front.tables import pattern, words

_STATEMENTS = (
    "lehr",
    "import",
    "param",
    "let",
    "repeat",
    "each",
    "next",
    "expect",
    "require",
    "set",
    "scale",
)
_VALUES = ("true", "false", "end", "rest", "full")
_NAME = r"[A-Za-z_][A-Za-z0-9_]*"

Rule = dict[str, Any]


def grammar() -> Rule:
    """The grammar as the JSON document that editors read."""
    return {
        "name": "Lehr",
        "scopeName": "source.lehr",
        "fileTypes": ["lehr"],
        "patterns": [{"include": f"#{name}"} for name in _repository()],
        "repository": {name: {"patterns": rules} for name, rules in _repository().items()},
    }


def _repository() -> dict[str, list[Rule]]:
    return {
        "comments": _comments(),
        "strings": [_string()],
        "quantities": [{"match": _quantity(), "name": "constant.numeric.lehr"}],
        "statements": _statements(),
        "headers": _headers(),
        "fields": [_field()],
        "arrows": [{"match": "->|~>", "name": "keyword.operator.arrow.lehr"}],
        "words": _words(),
        "signs": [{"match": r"==|!=|<=|>=|\.\.|[=<>+\-*/]", "name": "keyword.operator.lehr"}],
    }


def _comments() -> list[Rule]:
    marked = {
        r"lehr:\s*allow(?:-file)?\b": "keyword.other.allow.lehr",
        r"\b(?:assumed|source)\b:?": "keyword.other.provenance.lehr",
    }
    inside = [{"match": match, "name": name} for match, name in marked.items()]
    return [
        {"match": r"##.*$", "name": "comment.block.documentation.lehr"},
        {"begin": "#", "end": "$", "name": "comment.line.number-sign.lehr", "patterns": inside},
    ]


def _string() -> Rule:
    """Text between quotes; what stands in `${}` is an expression again."""
    return {
        "begin": '"',
        "end": '"|$',
        "name": "string.quoted.double.lehr",
        "patterns": [
            {"match": r"\\(?:u\{[0-9A-Fa-f]*\}|.)", "name": "constant.character.escape.lehr"},
            {
                "begin": r"\$\{",
                "end": r"\}",
                "name": "meta.interpolation.lehr",
                "patterns": [{"include": f"#{name}"} for name in ("quantities", "words", "signs")],
            },
        ],
    }


def _quantity() -> str:
    """The parser's numeral; the nouns are in it."""
    return r"(?<![A-Za-z0-9_])" + pattern("NUMERAL")


def _statements() -> list[Rule]:
    listed = "|".join(word for word in _STATEMENTS if word in words())
    return [
        {
            "match": rf"(?:^|(?<=[;{{]))\s*({listed})\b(?!\s*[=.{{])",
            "captures": {"1": {"name": "keyword.control.lehr"}},
        }
    ]


def _headers() -> list[Rule]:
    """`kind name like other {`: the brace stands on the same line."""
    header = rf"({_NAME})(?:\s+({_NAME}))?(?:\s+(like)\s+({_NAME}(?:\s*\.\s*{_NAME})*))?\s*(?=\{{)"
    scopes = (
        "entity.name.type.lehr",
        "entity.name.function.lehr",
        "keyword.control.lehr",
        "entity.name.function.lehr",
    )
    captures = {str(number): {"name": scope} for number, scope in enumerate(scopes, start=1)}
    return [{"match": rf"(?:^|(?<=[;{{]))\s*{header}", "captures": captures}]


def _field() -> Rule:
    path = rf"{_NAME}(?:\s*\.\s*{_NAME})*"
    return {
        "match": rf"(?:^|(?<=[;{{]))\s*({path})\s*(?==(?!=))",
        "captures": {"1": {"name": "variable.other.property.lehr"}},
    }


def _words() -> list[Rule]:
    """Words that are keywords where the grammar looks for them, and names elsewhere."""
    contextual = [word for word in words() if word not in _STATEMENTS]
    return [
        {"match": rf"\b(?:{'|'.join(contextual)})\b(?!\s*[=:])", "name": "keyword.other.lehr"},
        {"match": rf"\b(?:{'|'.join(_VALUES)})\b", "name": "constant.language.lehr"},
        {"match": rf"\b({_NAME})\s*(?=\()", "captures": {"1": {"name": "support.function.lehr"}}},
        {"match": rf"\b{_NAME}\b", "name": "variable.other.lehr"},
    ]
