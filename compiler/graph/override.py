"""`--set path=value`: edits of the tree before anything is evaluated.

A path names a `param` (`seed`), a field (`pretrain.tokens`) or a field of a
nested block (`pretrain.checkpoint.every`).
"""

from __future__ import annotations

from dataclasses import replace

from ..diagnostics.diagnostic import Diagnostic
from ..front import ast, parse
from ..text import Source
from .letters import unknown


def override(file: ast.File, settings: tuple[str, ...]) -> tuple[ast.File, list[Diagnostic]]:
    """The tree with each `path=value` put in its place."""
    letters: list[Diagnostic] = []
    for setting in settings:
        written, found = parse(Source("--set", f"lehr 1\n{setting}\n"))
        letters.extend(found)
        field = written.body[0] if written.body else None
        if not isinstance(field, ast.Field):
            continue
        body, done = _replace(file.body, field)
        if done:
            file = replace(file, body=body)
        else:
            letters.append(_unknown(file, field))
    return file, letters


def _replace(body: tuple[ast.Statement, ...], field: ast.Field) -> tuple[tuple[ast.Statement, ...], bool]:
    name = field.path[0].text
    for index, statement in enumerate(body):
        new: ast.Statement | None = None
        if isinstance(statement, ast.Param) and statement.name.text == name and len(field.path) == 1:
            new = replace(statement, default=field.value)
        elif (
            isinstance(statement, ast.Block)
            and statement.name
            and statement.name.text == name
            and len(field.path) > 1
        ):
            new = replace(statement, body=_in_block(statement.body, replace(field, path=field.path[1:])))
        if new is not None:
            return (*body[:index], new, *body[index + 1 :]), True
    return body, False


def _in_block(body: tuple[ast.Statement, ...], field: ast.Field) -> tuple[ast.Statement, ...]:
    """The field set among a block's statements, in a nested block when the path goes deeper."""
    name = field.path[0].text
    for index, statement in enumerate(body):
        if len(field.path) > 1 and isinstance(statement, ast.Block) and statement.kind.text == name:
            new: ast.Statement = replace(
                statement, body=_in_block(statement.body, replace(field, path=field.path[1:]))
            )
        elif len(field.path) == 1 and isinstance(statement, ast.Field) and statement.path[0].text == name:
            new = field
        else:
            continue
        return (*body[:index], new, *body[index + 1 :])
    return (*body, field)


def _unknown(file: ast.File, field: ast.Field) -> Diagnostic:
    names = [s.name.text for s in file.body if isinstance(s, ast.Param | ast.Block) and s.name]
    headline = f"`--set` finds no `{'.'.join(name.text for name in field.path)}` in the spec"
    return unknown("PRF101", headline, field.path[0].span, "", names)
