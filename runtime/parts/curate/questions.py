"""What benches ask, as texts: out of corpora of questions, out of the held-out parts of others, and out of files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ....compiler.plan.model import File
from ..data.tables import read_documents, read_questions
from ..suites import rows
from .leaks import Question

_ROW = '{"prompt": "the capital of France is", "answer": "Paris"}'


def questions(corpora: Mapping[str, Path], files: Mapping[str, Path], root: Path) -> Iterator[Question]:
    """Each text of every bench, under the bench's name; a question and its answer are one text as well."""
    for bench, folder in corpora.items():
        yield from ((bench, text) for text in _of_corpus(folder))
    for bench, path in files.items():
        file = File(path=path.relative_to(root).as_posix(), digest="")
        for texts in rows.read(file, root, _texts, _ROW):
            yield from ((bench, text) for text in texts)


def _of_corpus(folder: Path) -> Iterator[str]:
    """Its questions, where it has some; else what it holds out."""
    path = folder / "questions.parquet"
    asked = read_questions(path) if path.is_file() else []
    if asked:
        yield from (f"{one.prompt} {one.answer}" for one in asked)
    else:
        yield from (document.text for document in read_documents(folder / "heldout.parquet"))


def _texts(row: dict[str, Any]) -> list[str]:
    found = [text for value in row.values() for text in _strings(value)]
    asked = next((row[name] for name in ("prompt", "question") if isinstance(row.get(name), str)), None)
    answer = row.get("answer")
    choices = row.get("choices")
    if isinstance(answer, int) and isinstance(choices, list) and 0 <= answer < len(choices):
        answer = choices[answer]
    if asked is not None and isinstance(answer, str):
        found.append(f"{asked} {answer}")
    return found


def _strings(value: Any) -> Iterator[str]:
    """Every text in a value, however deep it lies: a row has come through a parser that bounds depth."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for one in value:
            yield from _strings(one)
    elif isinstance(value, dict):
        for one in value.values():
            yield from _strings(one)
