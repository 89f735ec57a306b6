"""Edits before evaluation: `set` in a profile, `--set` on the command line, blocks that amend blocks.

Comes after `names`.  Nothing is rewritten: an edit waits beside the statement
that it changes, with the scope in which its own expression is read, and
`build` puts it in.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from ..diagnostics.diagnostic import Diagnostic
from ..front import ast, parse
from ..text import Source, Span
from .letters import letter, unknown
from .names import Names, Scope


@dataclass(frozen=True, slots=True)
class Edit:
    """A statement that takes the place of one in a block; `path` leads into nested blocks."""

    path: tuple[ast.Name, ...]
    statement: ast.Field | ast.Require
    scope: Scope


@dataclass(frozen=True, slots=True)
class Edits:
    """All edits of one elaboration, by the statement that they change."""

    params: dict[int, tuple[ast.Expr, Scope]] = field(default_factory=dict[int, tuple[ast.Expr, Scope]])
    blocks: dict[int, list[Edit]] = field(default_factory=dict[int, list[Edit]])
    letters: list[Diagnostic] = field(default_factory=list[Diagnostic])

    def of(self, block: ast.Block) -> list[Edit]:
        return self.blocks.get(id(block), [])

    # ---- gathering -----------------------------------------------------------------------

    def settings(self, written: tuple[str, ...], root: Scope) -> None:
        """`--set path=value`, as the command line gave them."""
        for setting in written:
            file, found = parse(Source("--set", f"lehr 1\nset {setting}\n"))
            self.letters.extend(found)
            for statement in file.body:
                if isinstance(statement, ast.Set):
                    self.set(statement, root, "`--set`")

    def set(self, statement: ast.Set, root: Scope, who: str = "`set`") -> None:
        """`set path = value`: a param, a field of a block, or of every block of a kind."""
        if isinstance(statement.value, ast.Hole):
            return
        path = _path(statement.target)
        if path is None:
            help = ("name a param, `block.field`, or `corpus[*].field` for every block of a kind",)
            self.letters.append(
                letter("PRF101", f"{who} cannot follow this", statement.target.span, help=help)
            )
            return
        first, every, rest = path
        if every and first.text not in root.names.named:
            self._set_kind(statement, first, rest, root)
        else:
            self._set_named(statement, (first, *rest), root, root, who)

    def _set_kind(self, statement: ast.Set, kind: ast.Name, rest: tuple[ast.Name, ...], root: Scope) -> None:
        blocks = [block for block in root.names.blocks() if block.kind.text == kind.text]
        if not blocks or not rest:
            kinds = sorted({block.kind.text for block in root.names.blocks()})
            headline = f"there is no `{kind.text}` to set" if not blocks else "a field of it is missing"
            self.letters.append(unknown("PRF101", headline, kind.span, "", kinds))
        for block in blocks:
            self._into(block, statement, rest, root)

    def _set_named(
        self, statement: ast.Set, path: tuple[ast.Name, ...], at: Scope | Names, root: Scope, who: str
    ) -> None:
        first, *rest = path
        names = at.names if isinstance(at, Scope) else at
        found = names.named.get(first.text)
        match found:
            case ast.Import() if isinstance(at, Scope) and first.text in at.imports and rest:
                return self._set_named(statement, tuple(rest), at.imports[first.text], root, who)
            case ast.Repeat() | ast.Each() if rest:
                return self._set_named(statement, tuple(rest), names.loops[first.text], root, who)
            case ast.Param() if not rest:
                self.params[id(found)] = (statement.value, root)
                return None
            case ast.Block() if rest:
                return self._into(found, statement, tuple(rest), root)
            case _:
                pass
        if isinstance(found, ast.Block):
            help = (f"name a field of it: `{first.text}.field`",)
            self.letters.append(letter("PRF101", f"`{first.text}` is a block", first.span, help=help))
            return None
        if isinstance(found, ast.Let):
            help = ("a name that may be set is a `param`",)
            self.letters.append(letter("PRF101", f"`{first.text}` is a `let`", first.span, help=help))
            return None
        headline = f"{who} finds no `{'.'.join(name.text for name in path)}` in the spec"
        choices = [name for name, one in names.named.items() if not isinstance(one, ast.Let)]
        self.letters.append(unknown("PRF101", headline, first.span, "", choices))
        return None

    def _into(self, block: ast.Block, statement: ast.Set, path: tuple[ast.Name, ...], root: Scope) -> None:
        new = ast.Field(statement.span, path[-1:], statement.value)
        self.blocks.setdefault(id(block), []).append(Edit(path, new, root))

    def amend(self, amending: ast.Block, root: Scope) -> None:
        """A block in a profile: its statements replace, or join, those of the block of that name."""
        name = amending.name
        blocks = {block.name.text: block for block in root.names.blocks() if block.name}
        if name is None:
            meant = blocks.get(amending.kind.text)
            help = (f"write `{meant.kind.text} {amending.kind.text} {{ … }}`",) if meant else ()
            headline = "an amending block has the kind and the name of the one that it amends"
            self.letters.append(letter("PRF101", headline, amending.kind.span, help=help))
            return
        block = blocks.get(name.text)
        if block is None or block.kind.text != amending.kind.text:
            same = [one for one, found in blocks.items() if found.kind.text == amending.kind.text]
            headline = f"there is no {amending.kind.text} `{name.text}` to amend"
            self.letters.append(unknown("PRF101", headline, name.span, "", same))
            return
        if amending.like:
            self.letters.append(
                letter("NAM110", "a block that amends is not `like` another", amending.like[-1].span)
            )
        for path, statement in self._statements(amending.body, ()):
            self.blocks.setdefault(id(block), []).append(Edit(path, statement, root))

    def _statements(
        self, body: tuple[ast.Statement, ...], path: tuple[ast.Name, ...]
    ) -> Iterator[tuple[tuple[ast.Name, ...], ast.Field | ast.Require]]:
        for statement in body:
            match statement:
                case ast.Field(path=names):
                    yield (*path, *names), replace(statement, path=names[-1:])
                case ast.Block(name=None, kind=kind):
                    yield from self._statements(statement.body, (*path, kind))
                case ast.Require() if not path:
                    yield (), statement
                case _:
                    self.letters.append(_cannot(statement.span))


def _cannot(span: Span) -> Diagnostic:
    return letter("NAM110", "this cannot stand in a block that amends", span)


def _path(target: ast.Expr) -> tuple[ast.Name, bool, tuple[ast.Name, ...]] | None:
    """A target taken apart: its first name, whether `[*]` follows it, and the names after that."""
    match target:
        case ast.Name():
            return target, False, ()
        case ast.Member(of=of, name=name):
            before = _path(of)
            return (before[0], before[1], (*before[2], name)) if before else None
        case ast.Element(of=of, index=None):
            before = _path(of)
            return (before[0], before[1] or not before[2], before[2]) if before else None
        case _:
            return None
