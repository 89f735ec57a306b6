"""Exact match: the share of questions whose greedy answer is right to the letter."""

from __future__ import annotations

import json
from typing import Any

from ....compiler.plan.model import ExactMatch
from ...errors import StageError
from ..chat.rows import TRAIN, Turn
from ..data.documents import Question
from ..data.heldout import spread
from ..data.tables import read_questions, read_records
from ..data.vocabulary import Vocabulary
from ..model.generate import generate
from . import rows
from .subject import Subject

_ROW = '{"prompt": "the capital of France is", "answer": "Paris"}'


def score(subject: Subject, bench: ExactMatch) -> dict[str, Any]:
    questions = _questions(subject, bench)
    asked = [questions[index] for index in spread(len(questions), bench.questions)]
    chats = subject.chat is not None and _is_of_chats(subject, bench)
    replies = answers(subject, [question.prompt for question in asked], bench.max_new, chats=chats)
    right = sum(
        reply == question.answer.removesuffix(".").strip()
        for reply, question in zip(replies, asked, strict=True)
    )
    share = right / len(asked)
    source = {"file": bench.file.path} if bench.file else {"corpus": bench.corpus}
    told = {"chat": True} if chats else {}
    return {"value": share, **source, **told, "exact": share, "right": right, "asked": len(asked)}


def answers(subject: Subject, prompts: list[str], max_new: int, chats: bool = False) -> list[str]:
    """What follows each prompt, greedily, up to a full stop or the end of the line.

    In a chat it is what the assistant answers a user who asks that, up to the end of its turn.
    """
    words, chat = subject.words, subject.chat if chats else None
    asked = (
        [chat.prompt((Turn("user", prompt),)) for prompt in prompts]
        if chat
        else [[words.begin, *ids] for ids in words.encode(prompts)]
    )
    replies = generate(
        subject.model,
        asked,
        max_new=max_new,
        stop=chat.stops if chat else stops(words),
        temperature=0.0,
        rng=0,
        rope=subject.rope,
    )
    return [words.decode(reply).strip() for reply in replies]


def _is_of_chats(subject: Subject, bench: ExactMatch) -> bool:
    """Whether the questions are those of conversations: text is not asked for in a chat."""
    if bench.file:
        return False
    first = next(read_records(subject.inputs[f"corpus:{bench.corpus}"] / TRAIN), ("", "", ""))
    return "messages" in (json.loads(first[2]) if first[2] else {})


def stops(words: Vocabulary) -> frozenset[int]:
    """The end, and tokens with a full stop or a line's end in them: BPE merges " .\\n" and its like into one."""
    ends = (token for token in range(words.size) if {".", "\n"} & set(words.decode([token])))
    return frozenset({words.end, *ends})


def _questions(subject: Subject, bench: ExactMatch) -> list[Question]:
    if bench.file:
        return rows.read(bench.file, subject.root, _question, _ROW)
    path = subject.inputs[f"corpus:{bench.corpus}"] / "questions.parquet"
    found = read_questions(path) if path.is_file() else []
    if not found:
        headline = f"the corpus `{bench.corpus}` has no questions"
        help = ('`builtin("skills")` has; a file of questions is named as `exact_match("questions.jsonl")`',)
        raise StageError("RUN156", "nothing-to-measure", headline, help=help)
    return found


def _question(row: dict[str, Any]) -> Question:
    return Question(rows.text(row, "prompt", "question"), rows.text(row, "answer"))
