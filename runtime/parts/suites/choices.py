"""Multiple choice: the share of questions whose right answer is the likeliest.

A long answer has more tokens, and so a lower probability, whatever it says.  Scores are therefore
also counted with each log-probability divided by its answer's length, in characters, bytes and
tokens: `acc` and `acc_norm` are those of lm-evaluation-harness.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ....compiler.plan.model import MultipleChoice
from ...errors import StageError
from . import rows
from .likelihood import Likelihood, encode, likelihoods
from .subject import Subject

_ROW = '{"question": "2 + 2 =", "choices": ["3", "4"], "answer": 1}'


@dataclass(frozen=True, slots=True)
class Choice:
    """A question with its answers; `right` is the place of the right one."""

    prompt: str
    choices: tuple[str, ...]
    right: int


def score(subject: Subject, bench: MultipleChoice) -> dict[str, Any]:
    """The first `shots` rows are solved before every question, and not asked."""
    found = rows.read(bench.file, subject.root, _choice, _ROW)
    shots, asked = found[: bench.shots], found[bench.shots :]
    if not asked:
        headline = f"{bench.file.path} has {len(found)} questions, and {bench.shots} are solved as examples"
        raise StageError("RUN156", "nothing-to-measure", headline, help=("lower `shots`",))
    before = "".join(f"{one.prompt} {one.choices[one.right]}\n\n" for one in shots)
    pairs = [
        encode(subject.words, before + one.prompt, f" {choice}") for one in asked for choice in one.choices
    ]
    told = iter(likelihoods(subject, pairs, bench.context))
    answers = [(one, [next(told) for _ in one.choices]) for one in asked]
    scores = {
        "acc": _accuracy(answers, [[1.0] * len(one.choices) for one in asked]),
        "acc_norm": _accuracy(answers, [[float(len(choice)) for choice in one.choices] for one in asked]),
        "acc_bytes": _accuracy(
            answers, [[float(len(choice.encode())) for choice in one.choices] for one in asked]
        ),
        "acc_tokens": _accuracy(answers, [[float(one.tokens) for one in judged] for _, judged in answers]),
    }
    return {"value": scores["acc_norm"], **scores, "asked": len(asked), "shots": bench.shots}


def _accuracy(
    answers: Sequence[tuple[Choice, Sequence[Likelihood]]], lengths: Sequence[Sequence[float]]
) -> float:
    right = 0
    for (one, judged), length in zip(answers, lengths, strict=True):
        values = [likelihood.total / size for likelihood, size in zip(judged, length, strict=True)]
        right += values.index(max(values)) == one.right
    return right / len(answers)


def _choice(row: dict[str, Any]) -> Choice:
    prompt, choices = rows.text(row, "question", "prompt"), row.get("choices")
    if not isinstance(choices, list) or len(choices) < 2 or not all(map(_is_text, choices)):
        raise rows.Fault("`choices` is not a list of at least two texts")
    answer = row.get("answer")
    if isinstance(answer, str) and answer in choices:
        answer = choices.index(answer)
    if type(answer) is not int or not 0 <= answer < len(choices):
        raise rows.Fault("`answer` is neither one of the choices nor the place of one, counted from 0")
    return Choice(prompt, tuple(choices), answer)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and value != ""
