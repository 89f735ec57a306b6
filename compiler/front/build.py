"""From branches and words to nodes with a span each.

Comes after `quick` or `reader`, and `comments`; what it makes is all that later passes see
of a file.  Depth is bounded by `reader`, so it may walk by recursion.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

from ..diagnostics.diagnostic import Diagnostic
from ..text import Source, Span
from . import ast, literal, quick
from .comments import Beside, beside, comments
from .tree import Branch, Child, Word

EDITION = 1
"""The edition of the language that is read; `reader` has refused any other."""


@dataclass(frozen=True, slots=True)
class Site:
    """What building needs beside the tree."""

    source: Source
    beside: Beside
    found: list[Diagnostic]


def build(tree: Branch, source: Source, found: list[Diagnostic]) -> ast.File:
    """The tree of a file; literals that say nothing add their letters to `found`."""
    kept = comments(source)
    site = Site(source, beside(kept), found)
    _edition, *body = _present(tree.children)
    statements = tuple(_statement(site, child) for child in body)
    return ast.File(Span(source, 0, len(source.text)), EDITION, statements, kept)


# ---- statements ------------------------------------------------------------------


def _statement(site: Site, child: Child) -> ast.Statement:
    tree = _tree(child)
    return _STATEMENTS[tree.rule](site, tree, _span(site, tree))


def _import(site: Site, tree: Branch, span: Span) -> ast.Statement:
    path, alias = tree.children
    return ast.Import(span, _text(site, path), _name(site, alias))


def _param(site: Site, tree: Branch, span: Span) -> ast.Statement:
    name, kind, default = tree.children
    return ast.Param(span, _name(site, name), _name(site, kind), _maybe(site, default))


def _let(site: Site, tree: Branch, span: Span) -> ast.Statement:
    name, value = tree.children
    return ast.Let(span, _name(site, name), _expr(site, value))


def _field(site: Site, tree: Branch, span: Span) -> ast.Statement:
    path, value = tree.children
    return ast.Field(span, _path(site, path), _expr(site, value), site.beside.note(span))


def _block(site: Site, tree: Branch, span: Span) -> ast.Statement:
    kind, name, like, body = tree.children
    header = _span(site, kind).to(_span(site, name or kind))
    return ast.Block(
        span,
        _name(site, kind),
        _name(site, name) if name else None,
        _path(site, like) if like else (),
        _body(site, body),
        site.beside.doc(span.line),
        header,
    )


def _repeat(site: Site, tree: Branch, span: Span) -> ast.Statement:
    name, variable, over, carries, body = tree.children
    carried = tuple(_carry(site, child) for child in _tree(carries).children) if carries else ()
    return ast.Repeat(
        span, _name(site, name), _name(site, variable), _expr(site, over), carried, _body(site, body)
    )


def _carry(site: Site, child: Child) -> ast.Carry:
    name, value = _tree(child).children
    return ast.Carry(_span(site, child), _name(site, name), _expr(site, value))


def _each(site: Site, tree: Branch, span: Span) -> ast.Statement:
    name, variable, over, body = tree.children
    return ast.Each(span, _name(site, name), _name(site, variable), _expr(site, over), _body(site, body))


def _next(site: Site, tree: Branch, span: Span) -> ast.Statement:
    name, value = tree.children
    return ast.Next(span, _name(site, name), _expr(site, value))


def _expect(site: Site, tree: Branch, span: Span) -> ast.Statement:
    claim, within = tree.children
    return ast.Expect(span, _expr(site, claim), _maybe(site, within))


def _require(site: Site, tree: Branch, span: Span) -> ast.Statement:
    claim, within, at = tree.children
    return ast.Require(span, _expr(site, claim), _maybe(site, within), _expr(site, at))


def _set(site: Site, tree: Branch, span: Span) -> ast.Statement:
    target, value = tree.children
    return ast.Set(span, _expr(site, target), _expr(site, value))


def _scale(site: Site, tree: Branch, span: Span) -> ast.Statement:
    kind, by, floor = tree.children
    return ast.Scale(span, _name(site, kind), _expr(site, by), _maybe(site, floor))


def _body(site: Site, child: Child) -> tuple[ast.Statement, ...]:
    return tuple(_statement(site, statement) for statement in _present(_tree(child).children))


_STATEMENTS: dict[str, Callable[[Site, Branch, Span], ast.Statement]] = {
    "import": _import,
    "param": _param,
    "let": _let,
    "field": _field,
    "block": _block,
    "repeat": _repeat,
    "each": _each,
    "next": _next,
    "expect": _expect,
    "require": _require,
    "set": _set,
    "scale": _scale,
}

# ---- expressions -----------------------------------------------------------------


def _expr(site: Site, child: Child) -> ast.Expr:
    if isinstance(child, Word):
        return _word(site, child)
    tree = _tree(child)
    if tree.rule == "group":
        return _expr(site, tree.children[0])
    return _EXPRESSIONS[tree.rule](site, tree, _span(site, tree))


def _maybe(site: Site, child: Child) -> ast.Expr | None:
    return None if child is None else _expr(site, child)


def _word(site: Site, word: Word) -> ast.Expr:
    span = _span(site, word)
    if word.kind == "NUMERAL":
        return literal.number(span, site.found)
    if word.kind == "STRING":
        return _text(site, word)
    return ast.Name(span, word.text) if word.kind == "NAME" else ast.Hole(span)


def _member(site: Site, tree: Branch, span: Span) -> ast.Expr:
    return ast.Member(span, _expr(site, tree.children[0]), _name(site, tree.children[1]))


def _element(site: Site, tree: Branch, span: Span) -> ast.Expr:
    of, index = tree.children
    every = isinstance(index, Word) and index.kind == "EVERY"
    return ast.Element(span, _expr(site, of), None if every else _expr(site, index))


def _call(site: Site, tree: Branch, span: Span) -> ast.Expr:
    of, *arguments = tree.children
    return ast.Call(span, _expr(site, of), tuple(_argument(site, child) for child in _present(arguments)))


def _argument(site: Site, child: Child) -> ast.Argument:
    *name, value = _present(_tree(child).children)
    return ast.Argument(_span(site, child), _name(site, name[0]) if name else None, _expr(site, value))


def _list(site: Site, tree: Branch, span: Span) -> ast.Expr:
    return ast.List(span, tuple(_expr(site, child) for child in _present(tree.children)))


def _signed(site: Site, tree: Branch, span: Span) -> ast.Expr:
    return ast.Signed(span, _said(tree.children[0]), _expr(site, tree.children[1]))


def _binary(site: Site, tree: Branch, span: Span) -> ast.Expr:
    left, op, right = tree.children
    return ast.Binary(span, _said(op), _expr(site, left), _expr(site, right))


def _either(site: Site, tree: Branch, span: Span) -> ast.Expr:
    left, right = tree.children
    return ast.Binary(span, "or", _expr(site, left), _expr(site, right))


def _both(site: Site, tree: Branch, span: Span) -> ast.Expr:
    left, right = tree.children
    return ast.Binary(span, "and", _expr(site, left), _expr(site, right))


def _not(site: Site, tree: Branch, span: Span) -> ast.Expr:
    return ast.Not(span, _expr(site, tree.children[0]))


def _range(site: Site, tree: Branch, span: Span) -> ast.Expr:
    return ast.Range(span, _expr(site, tree.children[0]), _expr(site, tree.children[1]))


def _choose(site: Site, tree: Branch, span: Span) -> ast.Expr:
    test, then, otherwise = tree.children
    return ast.Choose(span, _expr(site, test), _expr(site, then), _expr(site, otherwise))


def _timeline(site: Site, tree: Branch, span: Span) -> ast.Expr:
    start, *legs = tree.children
    return ast.Timeline(span, _expr(site, start), tuple(_leg(site, leg) for leg in legs))


def _leg(site: Site, child: Child) -> ast.Leg:
    tree = _tree(child)
    value, point, *via = tree.children
    curve = _name(site, via[0]) if via and via[0] else None
    return ast.Leg(_span(site, tree), tree.rule == "glide", _expr(site, value), _expr(site, point), curve)


_EXPRESSIONS: dict[str, Callable[[Site, Branch, Span], ast.Expr]] = {
    "member": _member,
    "element": _element,
    "call": _call,
    "list": _list,
    "signed": _signed,
    "binary": _binary,
    "either": _either,
    "both": _both,
    "not": _not,
    "range": _range,
    "choose": _choose,
    "timeline": _timeline,
}

# ---- words -----------------------------------------------------------------------


def _name(site: Site, child: Child) -> ast.Name:
    return ast.Name(_span(site, child), _said(child))


def _path(site: Site, child: Child) -> tuple[ast.Name, ...]:
    return tuple(_name(site, name) for name in _tree(child).children)


def _text(site: Site, child: Child) -> ast.Text:
    return literal.text(_span(site, child), lambda inside: _embedded(site, inside), site.found)


def _embedded(site: Site, inside: Span) -> ast.Expr | None:
    """The expression of an interpolation, read where it stands."""
    tree = quick.expression(site.source.text, inside.start, inside.end)
    if tree is None:
        from .reader import expression

        tree = expression(site.source.text, inside.start, inside.end)
    return _maybe(site, tree)


def _span(site: Site, child: Child) -> Span:
    assert child is not None
    return Span(site.source, child.start, child.end)


def _said(child: Child) -> str:
    return cast("Word", child).text


def _tree(child: Child) -> Branch:
    return cast("Branch", child)


def _present(children: Sequence[Child]) -> list[Child]:
    return [child for child in children if child is not None]
