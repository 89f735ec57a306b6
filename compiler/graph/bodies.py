"""What stands in a block once `like` and edits have had their say.

`build` asks; `fill` reads the answer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..diagnostics.diagnostic import Diagnostic
from ..front import ast
from .edits import Edits
from .fill import Body, Nested
from .letters import letter, unknown
from .names import Scope


@dataclass(frozen=True, slots=True)
class Bodies:
    """The bodies of one elaboration."""

    edits: Edits
    say: Callable[[Diagnostic], Any]

    def body(self, statement: ast.Block, scope: Scope, trail: tuple[ast.Block, ...] = ()) -> Body | None:
        """The block's statements with its edits; those of the block that it is `like` come first and give way.

        None where that one failed: then nothing can be said of this one.
        """
        own: Body = [(inner, scope) for inner in statement.body]
        if statement.like:
            base = self._like(statement, scope)
            if base is None:
                return None
            if any(base[0] is one for one in (*trail, statement)):
                last = statement.like[-1]
                self.say(letter("LIN101", f"`{last.text}` is like itself", last.span))
                return None
            inherited = self.body(*base, (*trail, statement))
            if inherited is None:
                return None
            named = {_key(inner) for inner, _ in own}
            own = [(inner, where) for inner, where in inherited if _key(inner) not in named] + own
        for edit in self.edits.of(statement):
            named = (
                next((inner for inner, _ in own if _key(inner) == edit.path[0].text), None)
                if edit.path
                else None
            )
            if len(edit.path) > 1 and isinstance(named, ast.Field):
                first = edit.path[0]
                headline = f"`{first.text}` is a name here, and not a block that could be edited"
                help = (f"set the field in `{named.value.span.text}` itself",)
                self.say(letter("PRF101", headline, first.span, help=help))
                continue
            own = _edited(own, edit.path, edit.statement, edit.scope)
        return own

    def _like(self, statement: ast.Block, scope: Scope) -> tuple[ast.Block, Scope] | None:
        """The block that a block begins as; it must be of the same kind."""
        kind, last = statement.kind.text, statement.like[-1]
        at: Scope | None = scope
        for part in statement.like[:-1]:
            at = at.imports.get(part.text) if at else None
        found = at.find(last.text) if at else None
        if found and isinstance(found[0], ast.Block) and found[0].kind.text == kind:
            return found[0], found[1]
        named = at.names.named.items() if at else ()
        same = [name for name, one in named if isinstance(one, ast.Block) and one.kind.text == kind]
        self.say(unknown("NAM101", f"there is no {kind} `{last.text}` to be like", last.span, "", same))
        return None


def _edited(body: Body, path: tuple[ast.Name, ...], statement: ast.Statement, scope: Scope) -> Body:
    """The body with one statement in the place of the one of its name, or after all others."""
    if not path:
        return [*body, (statement, scope)]
    first, *rest = path
    places = [index for index, (inner, _) in enumerate(body) if _key(inner) == first.text]
    new: Any = statement
    if rest:
        old = body[places[-1]] if places else None
        inner: Body = []
        if old and isinstance(old[0], Nested):
            inner = old[0].body
        elif old and isinstance(old[0], ast.Block):
            inner = [(part, old[1]) for part in old[0].body]
        new = Nested(first, _edited(inner, tuple(rest), statement, scope))
    return [*(part for index, part in enumerate(body) if index not in places), (new, scope)]


def _key(statement: Any) -> str | int:
    match statement:
        case ast.Field(path=path):
            return ".".join(name.text for name in path)
        case ast.Block(kind=kind, name=None) | Nested(kind=kind):
            return kind.text
        case _:
            return id(statement)
