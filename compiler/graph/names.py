"""Which names a file declares, and what they stand for: one flat scope per file, one more per turn of a loop.

Comes after the tree; `evaluate` looks names up here.  Imports are read from
disk, so this pass takes the function that reads them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from ..diagnostics.diagnostic import Diagnostic, Label
from ..front import ast
from ..text import Span
from .letters import letter

Read = Callable[[str], tuple[ast.File | None, list[Diagnostic]]]
"""Reads the spec at a path; None when there is no such file."""

Named = ast.Let | ast.Param | ast.Block | ast.Import | ast.Repeat | ast.Each
"""Statements that give a name to something."""


@dataclass(eq=False, slots=True)
class Names:
    """What a file, or the body of a loop, declares; every turn of the loop shares it."""

    named: dict[str, Named] = field(default_factory=dict[str, Named])
    claims: list[ast.Expect] = field(default_factory=list[ast.Expect])
    nexts: dict[str, ast.Next] = field(default_factory=dict[str, ast.Next])
    profiles: dict[str, ast.Block] = field(default_factory=dict[str, ast.Block])
    loops: dict[str, Names] = field(default_factory=dict[str, "Names"])

    def blocks(self) -> Iterator[ast.Block]:
        """Every block, those inside loops too."""
        for statement in self.named.values():
            if isinstance(statement, ast.Block):
                yield statement
        for inner in self.loops.values():
            yield from inner.blocks()


@dataclass(eq=False, slots=True)
class Scope:
    """Names as one file, or one turn of a loop, sees them.

    `prefix` is how the root spec calls what is declared here: `house.`, `post[3].`.
    """

    path: str
    prefix: str
    names: Names
    parent: Scope | None = None
    imports: dict[str, Scope] = field(default_factory=dict[str, "Scope"])
    values: dict[str, Any] = field(default_factory=dict[str, Any])
    turn: tuple[Any, int] | None = None  # the loop, and which turn of it, from 0
    head: Span | None = None  # where the file begins

    def find(self, name: str) -> tuple[Named, Scope] | None:
        """The statement that declares a name, and the scope that it stands in."""
        at: Scope | None = self
        while at:
            if name in at.names.named:
                return at.names.named[name], at
            at = at.parent
        return None

    def visible(self) -> list[str]:
        """Every name that can be read here."""
        found: list[str] = []
        at: Scope | None = self
        while at:
            found += [*at.names.named, *at.values]
            loop = at.turn[0].statement if at.turn else None
            found += [one.name.text for one in loop.carries] if isinstance(loop, ast.Repeat) else []
            at = at.parent
        return found


def name_of(statement: Named) -> ast.Name:
    name = statement.alias if isinstance(statement, ast.Import) else statement.name
    assert name is not None  # a block without a name was never declared
    return name


def declare(file: ast.File, path: str, read: Read) -> tuple[Scope, list[Diagnostic]]:
    """The scope of a spec and, within it, of everything that it imports."""
    letters: list[Diagnostic] = []
    return _scope(file, path, "", (path,), read, letters), letters


def _scope(
    file: ast.File, path: str, prefix: str, trail: tuple[str, ...], read: Read, letters: list[Diagnostic]
) -> Scope:
    scope = Scope(path, prefix, Names(), head=Span(file.span.source, 0, 0))
    _Gathering(scope.names, letters).body(file.body)
    for statement in file.body:
        if isinstance(statement, ast.Import):
            _import(statement, scope, trail, read, letters)
    return scope


@dataclass(frozen=True, slots=True)
class _Gathering:
    """Gathers the names of one body; `outer` are those that it must not use again."""

    names: Names
    letters: list[Diagnostic]
    outer: dict[str, ast.Name] = field(default_factory=dict[str, ast.Name])
    loop: ast.Repeat | ast.Each | None = None

    def body(self, body: tuple[ast.Statement, ...]) -> Names:
        for statement in body:
            self._statement(statement)
        # Bodies of loops come last, so that names declared further down count as taken too.
        taken = {**self.outer, **{name: name_of(one) for name, one in self.names.named.items()}}
        for name, statement in self.names.named.items():
            if isinstance(statement, ast.Repeat | ast.Each):
                inner = _Gathering(Names(), self.letters, dict(taken), statement)
                self.names.loops[name] = inner.turns(statement)
        return self.names

    def turns(self, loop: ast.Repeat | ast.Each) -> Names:
        carried = [one.name for one in loop.carries] if isinstance(loop, ast.Repeat) else []
        for name in (loop.variable, *carried):
            if self._is_free(name):
                self.outer[name.text] = name
        self.body(loop.body)
        for name in carried:
            if name.text not in self.names.nexts:
                headline = f"`{loop.name.text}` carries `{name.text}` and never says what it becomes"
                help = (f"end the body with `next {name.text} = …`",)
                self.letters.append(letter("LIN105", headline, name.span, help=help))
        return self.names

    def _statement(self, statement: ast.Statement) -> None:
        match statement:
            case ast.Block(kind=ast.Name(text="profile"), name=ast.Name() as name):
                self._profile(statement, name)
            case ast.Block(name=None, kind=kind):
                headline = f"a `{kind.text}` block needs a name"
                self.letters.append(letter("NAM109", headline, kind.span, "its name follows here"))
            case ast.Import() | ast.Param() if self.loop:
                self._misplaced(statement, "stands at the top of a file")
            case ast.Let() | ast.Param() | ast.Block() | ast.Import() | ast.Repeat() | ast.Each():
                name = name_of(statement)
                if self._is_free(name):
                    self.names.named[name.text] = statement
            case ast.Expect():
                self.names.claims.append(statement)
            case ast.Next():
                self._next(statement)
            case ast.Require():
                help = ("put it into the stage whose model it measures",)
                self.letters.append(
                    letter("NAM110", "`require` stands inside a stage", statement.span, help=help)
                )
            case ast.Field(path=parts):
                headline = f"`{parts[0].text}` is set outside any block"
                help = (f"a name for later use is `let {parts[0].text} = …`",)
                self.letters.append(letter("NAM110", headline, parts[0].span, help=help))
            case ast.Set() | ast.Scale():
                self._misplaced(statement, "stands inside a `profile`")

    def _profile(self, block: ast.Block, name: ast.Name) -> None:
        if self.loop:
            self._misplaced(block, "stands at the top of a file")
        elif name.text in self.names.profiles or name.text == "full":
            why = "is what the bare spec is called" if name.text == "full" else "is defined twice"
            self.letters.append(letter("NAM104", f"profile `{name.text}` {why}", name.span))
        else:
            self.names.profiles[name.text] = block

    def _next(self, statement: ast.Next) -> None:
        carries = self.loop.carries if isinstance(self.loop, ast.Repeat) else ()
        if statement.name.text not in [one.name.text for one in carries]:
            headline = f"nothing carries `{statement.name.text}` here"
            help = (f"`repeat … carry {statement.name.text} = …` says what it is in the first round",)
            self.letters.append(letter("NAM110", headline, statement.name.span, help=help))
        elif statement.name.text in self.names.nexts:
            self._again(statement.name, self.names.nexts[statement.name.text].name)
        else:
            self.names.nexts[statement.name.text] = statement

    def _is_free(self, name: ast.Name) -> bool:
        own = self.names.named.get(name.text)
        first = name_of(own) if own else self.outer.get(name.text)
        if first is None:
            return True
        self._again(name, first)
        return False

    def _again(self, name: ast.Name, first: ast.Name) -> None:
        also = (Label(first.span, "first here"),)
        self.letters.append(
            letter("NAM104", f"`{name.text}` is defined twice", name.span, "again here", also=also)
        )

    def _misplaced(self, statement: ast.Statement, where: str) -> None:
        word = (
            type(statement).__name__.lower() if not isinstance(statement, ast.Block) else statement.kind.text
        )
        self.letters.append(letter("NAM110", f"`{word}` {where}", statement.span))


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
        if file:
            prefix = f"{scope.prefix}{statement.alias.text}."
            child = _scope(file, path, prefix, (*trail, path), read, letters)
            scope.imports[statement.alias.text] = child


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
