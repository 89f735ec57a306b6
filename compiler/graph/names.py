"""Which names a file declares, and what they stand for: one flat scope per file.

Comes after the tree; `evaluate` looks names up here.  Imports are read from
disk, so this pass takes the function that reads them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from ..diagnostics.diagnostic import Diagnostic, Label
from ..front import ast
from .letters import later, letter

Read = Callable[[str], tuple[ast.File | None, list[Diagnostic]]]
"""Reads the spec at a path; None when there is no such file."""


@dataclass(frozen=True, slots=True)
class Declared:
    """A name's statement and the scope in which its expressions are read."""

    statement: ast.Let | ast.Param | ast.Block | ast.Import
    scope: Scope
    name: ast.Name


@dataclass(eq=False, slots=True)
class Scope:
    """The names of one file.  `prefix` is how the importing file calls them: `house.`."""

    path: str
    prefix: str = ""
    names: dict[str, Declared] = field(default_factory=dict)
    imports: dict[str, Scope] = field(default_factory=dict)
    claims: list[ast.Expect] = field(default_factory=list)


def declare(file: ast.File, path: str, read: Read) -> tuple[Scope, list[Diagnostic]]:
    """The scope of a spec and, within it, of everything that it imports."""
    letters: list[Diagnostic] = []
    return _scope(file, Scope(path), (path,), read, letters), letters


def _scope(
    file: ast.File, scope: Scope, trail: tuple[str, ...], read: Read, letters: list[Diagnostic]
) -> Scope:
    for statement in file.body:
        match statement:
            case ast.Let(name=name) | ast.Param(name=name):
                _add(scope, name, statement, letters)
            case ast.Block(name=ast.Name() as name):
                _add(scope, name, statement, letters)
            case ast.Block(kind=kind):
                letters.append(
                    letter(
                        "NAM109", f"a `{kind.text}` block needs a name", kind.span, "its name follows here"
                    )
                )
            case ast.Import(alias=alias):
                _add(scope, alias, statement, letters)
                _import(statement, scope, trail, read, letters)
            case ast.Expect():
                scope.claims.append(statement)
            case ast.Field(path=parts):
                letters.append(
                    letter(
                        "NAM110",
                        f"`{parts[0].text}` is set outside any block",
                        parts[0].span,
                        help=(f"a name for later use is `let {parts[0].text} = …`",),
                    )
                )
            case ast.Next() | ast.Require():
                letters.append(letter("NAM110", "this belongs inside a block", statement.span))
            case ast.Repeat() | ast.Each() | ast.Set() | ast.Scale():
                letters.append(later(f"`{type(statement).__name__.lower()}`", statement.span))
    return scope


def _add(
    scope: Scope,
    name: ast.Name,
    statement: ast.Let | ast.Param | ast.Block | ast.Import,
    letters: list[Diagnostic],
) -> None:
    first = scope.names.get(name.text)
    if first is None:
        scope.names[name.text] = Declared(statement, scope, name)
        return
    also = (Label(first.name.span, "first here"),)
    letters.append(letter("NAM104", f"`{name.text}` is defined twice", name.span, "again here", also=also))


def _import(
    statement: ast.Import, scope: Scope, trail: tuple[str, ...], read: Read, letters: list[Diagnostic]
) -> None:
    span = statement.path.span
    if not all(isinstance(part, str) for part in statement.path.parts):
        letters.append(letter("NAM106", "the path of an import is a plain text", span))
        return
    written = "".join(str(part) for part in statement.path.parts)
    path = _inside(scope.path, trail[0], written)
    if path is None:
        letters.append(letter("NAM111", f"`{written}` leaves the folder of the spec", span))
    elif path in trail:
        ring = " → ".join((*trail[trail.index(path) :], path))
        letters.append(letter("NAM105", "this import leads back to itself", span, notes=(ring,)))
    else:
        file, found = read(path)
        if file is None and not found:
            found = [letter("NAM106", f"there is no file `{path}`", span)]
        letters.extend(found)
        child = Scope(path, f"{scope.prefix}{statement.alias.text}.")
        scope.imports[statement.alias.text] = (
            _scope(file, child, (*trail, path), read, letters) if file else child
        )


def _inside(importer: str, root: str, written: str) -> str | None:
    """The import's path seen from the working folder, or None when it leaves the root spec's folder."""
    if written.startswith("/") or "\\" in written or "\0" in written:
        return None
    parts: list[str] = list(PurePosixPath(importer).parent.parts)
    base = len(PurePosixPath(root).parent.parts)
    for part in PurePosixPath(written).parts:
        if part == "..":
            if len(parts) <= base:
                return None
            parts.pop()
        else:
            parts.append(part)
    return str(PurePosixPath(*parts))
