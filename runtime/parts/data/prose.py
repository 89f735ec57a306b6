"""The corpus `prose`: the language reference, the docstrings and the comments of the Python library.

Documents that say nearly the same form a cluster and stay on one side of the
split.  A cluster is held out when every module it comes from is (so that `code`
does not teach it either), and of the language reference one cluster in eight.
"""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator

from .clusters import clusters
from .documents import Document, Split, drawn_out, without_copies
from .modules import TOPICS, is_held_out, module_sources, topics_source, tree_of

_SHORTEST_DOCSTRING = 40
_SHORTEST_COMMENT = 80
_TOPICS_ONE_IN = 8
_COMMENTS = re.compile(r"(?:^[ \t]*#(?![!]).*\n?)+", re.MULTILINE)
_MARK = re.compile(r"^[ \t]*#+ ?", re.MULTILINE)
_RULE = re.compile(r"^[\W_]*$\n?", re.MULTILINE)


def prose() -> Split:
    """The corpus.  Copies are dropped last: what a cluster comes from, they tell too."""
    documents = sorted(_everything())
    groups = clusters([document.text for document in documents])
    members: dict[int, list[str]] = {}
    for document, group in zip(documents, groups, strict=True):
        members.setdefault(group, []).append(document.id)
    held = {group for group, ids in members.items() if _cluster_is_held_out(ids)}
    sides: tuple[list[Document], list[Document]] = ([], [])
    for document, group in zip(documents, groups, strict=True):
        sides[group in held].append(document)
    return Split(train=tuple(without_copies(sides[False])), heldout=tuple(without_copies(sides[True])))


def _cluster_is_held_out(ids: list[str]) -> bool:
    modules = {identity.split("#")[0] for identity in ids}
    if TOPICS in modules and not drawn_out(min(ids), _TOPICS_ONE_IN):
        return False
    return all(is_held_out(module) for module in modules if module != TOPICS)


def _everything() -> Iterator[Document]:
    yield from _topics()
    for name, source in module_sources():
        yield from _docstrings(name, source)
        yield from _comments(name, source)


def _topics() -> Iterator[Document]:
    """The language reference as pydoc carries it: a module that assigns one dictionary."""
    for statement in tree_of(topics_source()).body:
        if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Dict):
            for name, text in ast.literal_eval(statement.value).items():
                yield Document(f"{TOPICS}#{name}", _sound(text.strip()) + "\n")


def _docstrings(module: str, source: str) -> Iterator[Document]:
    waiting: list[tuple[str, ast.AST]] = [("", tree_of(source))]
    while waiting:
        path, node = waiting.pop()
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            path = path if isinstance(node, ast.Module) else f"{path}.{node.name}"
            text = ast.get_docstring(node, clean=False) or ""
            if len(text) > _SHORTEST_DOCSTRING:
                name = f"{path.lstrip('.')}:{getattr(node, 'lineno', 1)}"  # a module may define a name twice
                yield Document(f"{module}#{name}", _sound(inspect.cleandoc(text)) + "\n")
        waiting.extend((path, child) for child in ast.iter_child_nodes(node) if isinstance(child, ast.stmt))


def _comments(module: str, source: str) -> Iterator[Document]:
    for found in _COMMENTS.finditer(source):
        text = _RULE.sub("", inspect.cleandoc(_MARK.sub("", found[0])) + "\n")
        if len(text) > _SHORTEST_COMMENT:
            line = source.count("\n", 0, found.start()) + 1
            yield Document(f"{module}#{line}", text)


def _sound(text: str) -> str:
    """Escapes in a literal can make half characters, which no file can hold."""
    return text.encode("utf-8", "replace").decode()
